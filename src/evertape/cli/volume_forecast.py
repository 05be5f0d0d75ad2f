"""How long a volume lasts, as people read it: from the index's rate and the service's thresholds."""

from __future__ import annotations

from typing import Any

from evertape.domain.forecast import Forecast
from evertape.engine.usage import forecast_of, terms_of

__all__ = ["forecast_json", "forecast_of", "lasts_text", "terms_of"]


def lasts_text(found: Forecast) -> str:
    """``12 d left`` until the oldest footage begins to go for want of space; then ``keeps 31 d``."""
    if found.days_left is None or found.days_kept is None:
        return ""
    if found.days_left > 0:
        return f"{_days(found.days_left)} left"
    return f"keeps {_days(found.days_kept)}"


def forecast_json(found: Forecast) -> dict[str, Any]:
    """For a program."""
    return {
        "bytes_per_hour": round(found.bytes_per_hour),
        "days_left": None if found.days_left is None else round(found.days_left, 2),
        "days_kept": None if found.days_kept is None else round(found.days_kept, 2),
    }


def _days(days: float) -> str:
    if days < 2:
        return f"{days * 24:.0f} h" if days * 24 >= 1 else f"{days * 1440:.0f} min"
    return f"{days:.1f} d" if days < 10 else f"{days:.0f} d"
