"""RTSP over one TCP connection, spoken by Evertape itself: no thread and no gi."""
