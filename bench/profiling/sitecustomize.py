"""Makes every Python process that finds this on its path profile itself; used by ``bench/cameras.py --profile``.

Each thread has a profile of its own; they are written to ``$EVERTAPE_PROFILE`` when the process ends. Evertape's
processes end by ``os._exit``, so that is where.
"""

import atexit
import cProfile
import os
import pstats
import sys
import threading

_folder = os.environ.get("EVERTAPE_PROFILE")
_profiles = []


def _begin():
    profile = cProfile.Profile()
    _profiles.append(profile)
    profile.enable()


def _write():
    words = sys.argv
    name = words[words.index("--name") + 1] if "--name" in words else "supervisor"
    stats = None
    for profile in _profiles:
        if profile is _profiles[0]:
            profile.disable()
        profile.create_stats()
        stats = stats.add(profile) if stats is not None else pstats.Stats(profile)
    if stats is not None:
        stats.dump_stats(os.path.join(_folder, f"{name}-{os.getpid()}.pstats"))


def _install():
    leave, run = os._exit, threading.Thread.run

    def profiled_exit(code):
        _write()
        leave(code)

    def profiled_run(self):
        _begin()
        run(self)

    os._exit = profiled_exit
    threading.Thread.run = profiled_run
    atexit.register(_write)
    _begin()


if _folder:
    _install()
