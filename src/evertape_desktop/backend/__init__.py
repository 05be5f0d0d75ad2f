"""What the window knows of a recorder, whoever tells it: a hub near or far, or the engine in this process."""
