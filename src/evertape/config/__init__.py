"""What the user said, parsed once into frozen objects."""
