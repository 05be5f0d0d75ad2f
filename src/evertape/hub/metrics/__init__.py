"""``/metrics``: what the service does, in figures, for Prometheus."""
