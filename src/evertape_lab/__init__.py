"""Cameras that misbehave and the auditor that counts what was kept."""

from evertape_lab.fleet import LabCameras

__all__ = ["LabCameras"]
