"""Cameras that misbehave and the auditor that counts what was kept."""
