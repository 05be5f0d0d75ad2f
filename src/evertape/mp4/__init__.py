"""Fragmented MP4: writing, scanning, repairing, exporting. Pure bytes, standard library only."""
