"""Who on the network could read along? Pure."""

from __future__ import annotations

from evertape.config.sections_hub import Hub
from evertape.config.values import listen_address
from evertape.hub.auth.origin import is_local


def exposure(hub: Hub) -> str:
    """A warning, if the hub listens to other machines without TLS; else empty."""
    host, _ = listen_address(hub.listen)
    if hub.tls != "off" or is_local(host) or host == "localhost":
        return ""
    return (
        f"the hub listens on {hub.listen} without TLS: whoever is on that network can read passwords and pictures; "
        'set hub.tls to "auto" or "files", or let it listen on 127.0.0.1 only'
    )
