"""Watching a camera: decoding apart from capture, and what is shown while the camera is away.

A view takes encoded pictures from a source (a recorder's feed, or a session of its own), decodes them and shows them.
Only it decodes; nothing here can disturb a recording. ``docs/design/viewing.md`` compares the three strategies.
"""
