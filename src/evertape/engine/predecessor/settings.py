"""What becomes of the old recorder's settings that are about recording. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evertape.config.schema import Config
from evertape.config.show import value_of
from evertape.config.trial import trial
from evertape.engine.predecessor.model import Fate, Item, Predecessor, Row, Value
from evertape.engine.predecessor.values import Unfit, flag, number, shown, text, whole
from evertape.errors import ConfigError

Convert = Callable[[Value, Row], Any]
"""Makes the value that the configuration wants of a column and its row; raises ``Unfit``."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A column that becomes a key.

    Args:
        columns: its names; the first that is there counts.
        key: of the configuration.
        convert: see there.
        note: what is to be known about it.
    """

    columns: tuple[str, ...]
    key: str
    convert: Convert
    note: str = ""


def _span(unit: str) -> Convert:
    def convert(value: Value, _row: Row) -> str:
        found = number(value)
        # Units are whole: 1.5 min are 90 s.
        factor = {"s": 1, "min": 60, "d": 86_400}[unit]
        return f"{int(found)}{unit}" if found.is_integer() else f"{round(found * factor)}s"

    return convert


def _max_age(value: Value, row: Row) -> str:
    cleanup = row.get("auto_cleanup_enabled")
    if cleanup is not None and not flag(cleanup):
        return "none"
    return str(_span("d")(value, row))


def _start_free(value: Value, _row: Row) -> str:
    # The old recorder counted in 1024s, and said GB.
    return f"{round(number(value) * 1024)}MiB"


def _start_percent(value: Value, row: Row) -> float:
    wanted = number(value)
    threshold = row.get("cleanup_threshold_percent")
    return max(wanted, 100 - number(threshold)) if threshold is not None else wanted


def _threshold(value: Value, row: Row) -> float:
    return 100 - number(value)


def _backoff(value: Value, _row: Row) -> str:
    return str(_span("s")(value, _row))


def _level(value: Value, _row: Row) -> str:
    word = text(value).upper()
    if word in ("DEBUG", "TRACE"):
        raise Unfit("everything that happens, as it was by itself; evertape config set logging.level debug has it too")
    levels = {"INFO": "info", "SUCCESS": "info", "WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}
    if word not in levels:
        raise Unfit("it is no level")
    return levels[word]


def _decoder(value: Value, _row: Row) -> str:
    return "auto" if flag(value) else "software"


def _timeout(value: Value, row: Row) -> str:
    found = number(value)
    # Some versions wrote milliseconds there.
    seconds = found / 1000 if found >= 500 else found
    if seconds == 10:
        raise Unfit("10 s is what it had by itself; streaming.connect_timeout is shorter, so that outages are short")
    return str(_span("s")(seconds, row))


RULES: Mapping[str, tuple[Rule, ...]] = {
    "recording": (
        Rule(("rotation_minutes", "segment_minutes", "file_duration_minutes"), "recording.rotation", _span("min")),
    ),
    "storage": (
        Rule(("retention_days", "max_storage_days"), "retention.max_age", _max_age),
        Rule(("min_free_space_gb", "min_free_gb"), "retention.start_free", _start_free, "GB were 1024 MiB there"),
        Rule(("min_free_space_percent", "min_free_percent"), "retention.start_percent", _start_percent),
    ),
    "streaming": (
        Rule(("reconnect_delay_seconds", "reconnect_delay"), "streaming.backoff.base", _backoff),
        Rule(
            ("max_reconnect_attempts", "max_retries"),
            "streaming.backoff.max_retries",
            lambda value, _row: whole(value),
            "after so many the camera is shown as disconnected; it is still tried",
        ),
        Rule(("connection_timeout", "connect_timeout"), "streaming.connect_timeout", _timeout),
        Rule(("use_hardware_acceleration",), "view.decoder", _decoder),
    ),
    "logging": (Rule(("file_level", "level", "log_level"), "logging.level", _level),),
}

_WRITES = "Evertape writes fragmented MP4, a fragment every half second, without transcoding"
_CLEANS = "space is watched all the time, and the oldest goes as soon as it has to"
_ALARM = "there is no alarm for that; processes.memory_limit bounds memory, doctor and status show the rest"
_LOGS = "the log goes to standard error, or to systemd's journal, which keeps it"
_OSD = "the desktop draws name, clock and state its own way"
NEEDLESS, LEFT = Fate.NEEDLESS, Fate.LEFT
OTHERS: Mapping[str, Mapping[str, tuple[Fate, str]]] = {
    "app": dict.fromkeys(("app_name", "version", "schema_version"), (NEEDLESS, "it says what wrote the database")),
    "recording": {
        "file_format": (NEEDLESS, _WRITES),
        "codec": (NEEDLESS, "what the camera sends is recorded, H.264 or H.265"),
        "fragment_duration_ms": (NEEDLESS, _WRITES),
    },
    "storage": {
        "auto_cleanup_enabled": (NEEDLESS, "see retention.max_age; when a disk is full, the oldest goes all the same"),
        "cleanup_interval_hours": (NEEDLESS, _CLEANS),
        "cleanup_on_startup": (NEEDLESS, _CLEANS),
        "cleanup_threshold_percent": (NEEDLESS, "it counts in retention.start_percent"),
        "delete_batch_size": (NEEDLESS, _CLEANS),
        "delete_batch_delay_seconds": (NEEDLESS, _CLEANS),
        "auto_delete_priority": (NEEDLESS, "the oldest goes first; what is protected stays"),
        "max_size_gb": (LEFT, "there is a quota for each camera: retention.quota"),
        "max_storage_gb": (LEFT, "there is a quota for each camera: retention.quota"),
    },
    "streaming": {
        **dict.fromkeys(
            ("osd_font_size", "osd_font_color", "osd_valignment", "osd_halignment", "osd_xpad", "osd_ypad"),
            (LEFT, _OSD),
        ),
        "decoder_preference": (NEEDLESS, "the best decoder is found by itself, and replaced if it fails"),
        "buffer_size": (NEEDLESS, "memory is for recording: ring.budget"),
        "tcp_timeout": (NEEDLESS, "silence is noticed after streaming.stall_timeout"),
        "keepalive_timeout": (NEEDLESS, "silence is noticed after streaming.stall_timeout"),
        "auto_reconnect": (NEEDLESS, "a camera is always tried again, unless streaming.backoff.give_up"),
    },
    "backup": {
        "verification": (NEEDLESS, "every copy is compared with its hash"),
        "delete_after_backup": (LEFT, "footage is deleted by the rules of retention, or by hand"),
    },
    "performance": dict.fromkeys(
        (
            "alert_enabled",
            "alert_warning_check_interval_seconds",
            "alert_critical_check_interval_seconds",
            "max_cpu_percent",
            "max_memory_mb",
            "max_temp",
        ),
        (LEFT, _ALARM),
    ),
    "logging": dict.fromkeys(
        (
            "enabled",
            "log_path",
            "console_enabled",
            "console_level",
            "console_colorize",
            "console_format",
            "file_enabled",
            "file_filename",
            "file_format",
            "file_rotation",
            "file_retention",
            "file_compression",
            "file_max_size_mb",
            "file_rotation_count",
            "error_log_enabled",
            "error_log_filename",
            "error_log_level",
            "error_log_rotation",
            "error_log_retention",
            "json_log_enabled",
            "json_log_filename",
            "json_log_serialize",
        ),
        (NEEDLESS, _LOGS),
    ),
}
"""What else is known, and why it becomes nothing."""


def plan_settings(predecessor: Predecessor, config: Config) -> tuple[Config, list[Item], dict[str, Any]]:
    """The configuration with what is taken over, what is to be said, and the keys to be set."""
    items: list[Item] = []
    values: dict[str, Any] = {}
    for table, rules in RULES.items():
        row = predecessor.settings(table)
        for rule in _with_threshold(table, rules, row):
            column = next((name for name in rule.columns if row.get(name) is not None), None)
            if column is None:
                continue
            config, item, value = _one(config, table, column, rule, row)
            items.append(item)
            values |= {} if value is None else {rule.key: value}
    for table, known in OTHERS.items():
        row = predecessor.settings(table)
        items += [
            Item(f"{table}.{name}", shown(name, row[name]), fate, reason=why)
            for name, (fate, why) in known.items()
            if row.get(name) not in (None, "")
        ]
    return config, items, values


def columns(table: str) -> set[str]:
    """Those of a table that are about recording."""
    return {name for rule in RULES.get(table, ()) for name in rule.columns} | OTHERS.get(table, {}).keys()


def _with_threshold(table: str, rules: tuple[Rule, ...], row: Row) -> tuple[Rule, ...]:
    """Where only the other end is given, how full a disk may get: that."""
    alone = table == "storage" and row.get("min_free_space_percent") is None and row.get("min_free_percent") is None
    more = (Rule(("cleanup_threshold_percent",), "retention.start_percent", _threshold),) if alone else ()
    return (*rules, *more)


def _one(config: Config, table: str, column: str, rule: Rule, row: Row) -> tuple[Config, Item, Any]:
    source, value = f"{table}.{column}", shown(column, row[column])
    try:
        wanted = rule.convert(row[column], row)
        changed = trial(config, values={rule.key: wanted})
    except Unfit as error:
        return config, Item(source, value, Fate.LEFT, rule.key, reason=str(error)), None
    except ConfigError as error:
        return config, Item(source, value, Fate.LEFT, rule.key, reason=error.what), None
    now, new, usual = (value_of(one, rule.key) for one in (config, changed, Config()))
    if new == now:
        return config, Item(source, value, Fate.SAME, rule.key, str(new)), None
    if now != usual:
        why = f"it was set to {now} here, and stays"
        return config, Item(source, value, Fate.KEPT, rule.key, str(new), why), None
    return changed, Item(source, value, Fate.TAKEN, rule.key, str(new), rule.note), wanted
