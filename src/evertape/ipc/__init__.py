"""Messages and local sockets; the format is described in ``docs/design/ipc.md``."""
