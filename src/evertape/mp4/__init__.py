"""Segments as fragmented MP4: writing, reading back, repairing, exporting. Standard library only.

The layout of the files is in docs/reference/file-format.md, the reasons in docs/design/muxer.md.
"""
