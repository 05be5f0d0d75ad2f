"""Evertape: a network video recorder that accounts for every second."""
