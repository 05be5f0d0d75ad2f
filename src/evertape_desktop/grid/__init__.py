"""The grid of cameras and the list beside it."""
