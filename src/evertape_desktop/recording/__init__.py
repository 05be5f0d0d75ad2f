"""Recording as an operator controls it: the panel, the banner, the mark in the tray."""
