"""Databases as the old desktop recorder left them, in the shapes that its versions gave them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

Values = Mapping[str, Any]

FRONT = {
    "camera_id": "cam_01", "name": "Front door", "rtsp_url": "rtsp://192.0.2.1:554/main", "enabled": 1,
    "username": "viewer", "password": "Zebra!7/x", "use_hardware_decode": 0, "streaming_enabled_start": 1,
    "recording_enabled_start": 1, "motion_detection": 0, "ptz_type": None, "ptz_port": None, "ptz_channel": None,
    "display_order": 1, "video_transform_enabled": 0, "video_transform_flip": "none", "video_transform_rotation": 0,
}  # fmt: skip
YARD = FRONT | {
    "camera_id": "cam_02", "name": "마당", "rtsp_url": "rtsp://root:Gir%40ffe9@192.0.2.2/main", "username": None,
    "password": None, "recording_enabled_start": 0, "ptz_type": "HIK", "ptz_port": "8000", "display_order": 0,
}  # fmt: skip
SECRETS = ("Zebra!7/x", "Gir@ffe9", "Gir%40ffe9", "Zebra")

SETTINGS: Mapping[str, Values] = {
    "app": {"app_name": "IT_RNVR", "version": "1.0.0", "schema_version": 1},
    "ui": {
        "theme": "dark", "show_status_bar": 1, "fullscreen_on_start": 1, "fullscreen_auto_hide_enabled": 1,
        "fullscreen_auto_hide_delay_seconds": 10, "window_state_x": 0, "window_state_y": 0,
        "window_state_width": 1920, "window_state_height": 1080, "dock_state_camera_visible": 1,
        "dock_state_recording_visible": 1, "dock_state_playback_visible": 1,
    },
    "streaming": {
        "default_layout": "3x3", "show_timestamp": 0, "show_camera_name": 1, "osd_font_size": 14,
        "osd_font_color": "255,255,255", "osd_valignment": "top", "osd_halignment": "left", "osd_xpad": 20,
        "osd_ypad": 15, "use_hardware_acceleration": 0, "decoder_preference": "avdec_h264,omxh264dec",
        "buffer_size": 10485760, "latency_ms": 100, "tcp_timeout": 10000, "keepalive_timeout": 5,
        "connection_timeout": 5, "auto_reconnect": 1, "max_reconnect_attempts": 7, "reconnect_delay_seconds": 3,
    },
    "recording": {"file_format": "mkv", "rotation_minutes": 2, "codec": "h264", "fragment_duration_ms": 1000},
    "storage": {
        "recording_path": "./recordings", "auto_cleanup_enabled": 1, "cleanup_interval_hours": 1,
        "cleanup_on_startup": 1, "min_free_space_gb": 1.5, "min_free_space_percent": 5,
        "cleanup_threshold_percent": 90, "retention_days": 14, "delete_batch_size": 5, "delete_batch_delay_seconds": 0,
        "auto_delete_priority": "oldest_first",
    },
    "backup": {"destination_path": "/media/backup", "delete_after_backup": 0, "verification": 1},
    "performance": {
        "alert_enabled": 0, "alert_warning_check_interval_seconds": 30, "alert_critical_check_interval_seconds": 15,
        "max_cpu_percent": 80, "max_memory_mb": 6144, "max_temp": 71,
    },
    "menu_keys": {
        "camera_connect": "F1", "camera_stop": "F2", "prev_group": "N", "camera_connect_all": "F3",
        "camera_stop_all": "F4", "next_group": "M", "prev_config": "F5", "record_start": "Ctrl+F7",
        "screen_rotate": "F9", "next_config": "F6", "record_stop": "F8", "screen_flip": "F10", "screen_hide": "Esc",
        "menu_open": "F11", "program_exit": "F12",
    },
    "ptz_keys": {"pan_left": "Q", "up": "W", "stop": "S", "zoom_in": "V"},
    "logging": {"enabled": 1, "log_path": "./logs", "console_level": "DEBUG", "file_level": "WARNING"},
}  # fmt: skip


def write(
    path: Path,
    cameras: Sequence[Values] = (FRONT, YARD),
    settings: Mapping[str, Values] = SETTINGS,
    *,
    wal: bool = False,
) -> Path:
    """As version 1.0.0 has it: one row with a column for each setting; each table numbers its rows."""
    with closing(sqlite3.connect(path)) as db:
        if wal:
            db.execute("PRAGMA journal_mode=WAL")
        for table, values in settings.items():
            _table(db, table, [values])
        if cameras:
            _table(db, "cameras", cameras)
        db.commit()
    return path


def changed(table: str, **values: Any) -> dict[str, Values]:
    """The usual settings with some that differ."""
    return {**SETTINGS, table: {**SETTINGS[table], **values}}


def pairs(path: Path, settings: Mapping[str, Values] = SETTINGS, names: tuple[str, str] = ("key", "value")) -> Path:
    """A row for each setting, with its name and its value as text."""
    with closing(sqlite3.connect(path)) as db:
        for table, values in settings.items():
            db.execute(f'CREATE TABLE "{table}" (id INTEGER PRIMARY KEY, "{names[0]}" TEXT, "{names[1]}" TEXT)')
            rows = [(name, None if value is None else str(value)) for name, value in values.items()]
            db.executemany(f'INSERT INTO "{table}" ("{names[0]}", "{names[1]}") VALUES (?, ?)', rows)
        _table(db, "cameras", [FRONT, YARD])
        db.commit()
    return path


def _table(db: sqlite3.Connection, table: str, rows: Sequence[Values]) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    listed = ", ".join(f'"{name}"' for name in columns)
    db.execute(f'CREATE TABLE "{table}" ({table}_idx INTEGER PRIMARY KEY AUTOINCREMENT, {listed})')
    marks = ", ".join("?" * len(columns))
    for row in rows:
        db.execute(f'INSERT INTO "{table}" ({listed}) VALUES ({marks})', [row.get(name) for name in columns])
