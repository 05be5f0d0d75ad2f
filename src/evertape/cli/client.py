"""The command line's end of the connection to a running service: ``ipc.client``, under the name that verbs use."""

from evertape.ipc.client import ServiceClient as ServiceClient
