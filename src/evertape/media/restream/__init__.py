"""RTSP from the ring, for other programs: no second session to a camera, and nothing decoded or encoded."""
