"""Passwords that stand elsewhere: in the environment, or in a file.

They are fetched while loading, into the frozen ``Config``, so that the engine has one place
to look at, and a changed password shows up in a diff like any other change.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from evertape.config.checks import Finding
from evertape.config.schema import Camera, Config

_MAX_BYTES = 4096


def resolve_secrets(config: Config, folder: Path, environ: Mapping[str, str]) -> tuple[Config, list[Finding]]:
    """Fetch each camera's password from where it stands.

    What cannot be fetched is a warning: that camera will not be able to log in, the others record.

    Args:
        config: as validated.
        folder: what a relative ``password_file`` is relative to.
        environ: the environment.

    Returns:
        The configuration with passwords, and the warnings.
    """
    cameras, findings = {}, []
    for camera_id, camera in config.cameras.items():
        password, warning, name = _fetch(camera, folder, environ)
        if warning:
            findings.append(Finding((("cameras", camera_id, name),), warning, error=False))
        cameras[camera_id] = camera.model_copy(update={"password": SecretStr(password)}) if password else camera
    return config.model_copy(update={"cameras": cameras}), findings


def _fetch(camera: Camera, folder: Path, environ: Mapping[str, str]) -> tuple[str, str, str]:
    """The password, what is wrong, and the key that is meant."""
    if camera.password_env is not None:
        password = environ.get(camera.password_env, "")
        missing = f"the environment variable {camera.password_env} is not set; the camera cannot log in"
        return password, "" if password else missing, "password_env"
    if camera.password_file is not None:
        return (*_read(folder / camera.password_file), "password_file")
    return "", "", ""


def _read(path: Path) -> tuple[str, str]:
    """A file's first line, and what is wrong with the file."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES)
            mode = os.fstat(file.fileno()).st_mode
        password = raw.decode("utf-8").splitlines()[0] if raw else ""
    except OSError as error:
        return "", f"{path} cannot be read ({error.strerror}); the camera cannot log in"
    except UnicodeDecodeError:
        return "", f"{path} is not text in UTF-8; the camera cannot log in"
    if not password:
        return "", f"{path} has an empty first line; the camera cannot log in"
    if os.name == "posix" and mode & stat.S_IROTH:
        return password, f"{path} can be read by everybody on this machine; chmod 600 it"
    return password, ""
