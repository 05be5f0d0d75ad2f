"""The processes: thin effects around ``domain``."""
