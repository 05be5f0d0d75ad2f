"""How the machine is."""
