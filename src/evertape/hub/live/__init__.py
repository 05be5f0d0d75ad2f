"""Live pictures for browsers: fragmented MP4 over a WebSocket, from the last keyframe on (docs/design/hub.md)."""
