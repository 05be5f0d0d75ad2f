"""The systemd unit of the service, as text. Pure.

Sources: systemd.unit(5), systemd.service(5), systemd.exec(5), of version 252.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MEDIA = ("/mnt", "/media", "/run/media", "/srv")
"""Where disks are mounted, also ones that come later."""
DECODERS = ("video", "render")
"""Groups whose members may use decoders in hardware. Not every machine has both: udev's package makes ``render``."""


@dataclass(frozen=True, slots=True)
class UnitTerms:
    """What the unit depends on.

    Args:
        command: the program and its first arguments, absolute.
        program: folders that it must be able to read: the checkout, the virtual environment.
        environment: variables it needs.
        data: the data directory.
        config: the configuration file.
        volumes: the folders of the declared volumes.
        mounts: those of them that are mount points.
        user: whom it runs as.
        groups: those of ``DECODERS`` that this machine has.
        name: of the unit, without ``.service``.
    """

    command: Sequence[str]
    program: Sequence[Path]
    environment: dict[str, str]
    data: Path
    config: Path
    volumes: Sequence[Path] = ()
    mounts: Sequence[Path] = ()
    user: str = "evertape"
    groups: Sequence[str] = ()
    name: str = "evertape"


def unit_text(terms: UnitTerms) -> str:
    """The unit, whole."""
    variables = [f"Environment={_quoted(f'{key}={value}')}" for key, value in sorted(terms.environment.items())]
    home = _home(terms.program, writable(terms))
    words = [*terms.command, "serve", "--data", str(terms.data), "--config", str(terms.config)]
    return _TEXT.format(
        name=terms.name,
        user=terms.user,
        command=" ".join(map(_quoted, words)),
        environment="\n".join(variables),
        home="\n".join(home),
        groups=_groups(terms.groups),
        state="StateDirectory=evertape\n" if terms.data == Path("/var/lib/evertape") else "",
        writable=" ".join(_quoted(f"-{path}") for path in writable(terms)),
        wants=_wants(terms.mounts),
    )


def writable(terms: UnitTerms) -> list[Path]:
    """The folders that the service may write to.

    Not a mount point itself, if there is a choice: systemd binds it to itself while nothing is mounted there, so that
    an absent disk looks like one that is mounted. Its parent lets mounts come and go.
    """
    wanted = {Path(path) for path in MEDIA} | {terms.data, terms.config.parent}
    wanted |= {path.parent if path in terms.mounts and path.parent != Path("/") else path for path in terms.volumes}
    return sorted(path for path in wanted if not any(path.is_relative_to(other) for other in wanted - {path}))


def _home(program: Iterable[Path], data: Iterable[Path]) -> list[str]:
    """Nobody's home is visible, but for what of ours lies in one."""
    lines = [f"BindReadOnlyPaths={_quoted(str(path))}" for path in sorted(program) if _in_home(path)]
    lines += [f"BindPaths={_quoted(f'-{path}')}" for path in data if _in_home(path)]
    return ["ProtectHome=tmpfs", *lines] if lines else ["ProtectHome=yes"]


def _in_home(path: Path) -> bool:
    return any(path.is_relative_to(home) for home in ("/home", "/root", "/run/user"))


def _groups(names: Sequence[str]) -> str:
    """A group that does not exist would keep the service from starting (216/GROUP)."""
    return f"# For decoders in hardware.\nSupplementaryGroups={' '.join(names)}\n" if names else ""


def _wants(mounts: Iterable[Path]) -> str:
    """Start after disks that are there at boot, and start without those that are not."""
    units = [f"{_escaped(path)}.mount" for path in mounts]
    return f"After={' '.join(units)}\n" if units else ""


def _escaped(path: Path) -> str:
    """As ``systemd-escape --path`` writes it."""
    text = str(PurePosixPath(path)).strip("/").replace("/", "\0")
    named = []
    for at, character in enumerate(text):
        if character == "\0":
            named.append("-")
        elif (character.isascii() and character.isalnum()) or character in "_:" or (character == "." and at):
            named.append(character)
        else:
            named.extend(f"\\x{byte:02x}" for byte in character.encode())
    return "".join(named)


def _quoted(word: str) -> str:
    word = word.replace("%", "%%").replace("$", "$$")
    if not word or any(character.isspace() or character in "\"'\\;" for character in word):
        word = '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return word


_TEXT = """\
# Written by `evertape service install`, which also replaces it; your own changes belong into
# `systemctl edit {name}`.
[Unit]
Description=Evertape network video recorder
After=network.target local-fs.target
{wants}# Never give up, however often it fails.
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command}
ExecReload=kill -HUP $MAINPID
{environment}
# What journalctl calls it; the interpreter's name otherwise.
SyslogIdentifier={name}
User={user}
Group={user}
{groups}UMask=0027
{state}CacheDirectory=evertape

Restart=always
RestartSec=1s
TimeoutStartSec=60s
TimeoutStopSec=15s
# A supervisor that says nothing for this long is hung, and replaced.
WatchdogSec=20s
# The supervisor ends its processes itself, and finishes every file; what is left over then is killed.
KillMode=mixed
# The kernel may end a recorder that takes too much memory: the supervisor replaces it, and the others go on.
OOMPolicy=continue
OOMScoreAdjust=-600
LimitNOFILE=65536
LimitCORE=0
Nice=-5

# What it may see and do: its data, its disks, the network.
ProtectSystem=strict
ReadWritePaths={writable}
{home}
PrivateTmp=yes
DevicePolicy=closed
DeviceAllow=char-drm rw
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
# Not MemoryDenyWriteExecute: GStreamer's converters make their code while they run.

[Install]
WantedBy=multi-user.target
"""
