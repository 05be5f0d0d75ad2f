"""Capture, ring and writer; the only room that imports ``gi``."""
