"""The routes, a file for each topic, with what they are asked and answer."""
