"""The verbs, and the wiring of everything below."""
