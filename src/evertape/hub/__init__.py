"""The hub: a web server for people and programs, one more client of the engine. Nothing here is needed to record."""
