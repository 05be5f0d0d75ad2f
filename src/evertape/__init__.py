"""Evertape: a network video recorder that accounts for every second."""

__version__ = "0.1.0"
