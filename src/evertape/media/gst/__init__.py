"""Everything that drives GStreamer; imported only where ``rtspsrc``, a transcoder or a picture is needed."""
