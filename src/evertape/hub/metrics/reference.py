"""Writes the reference page of the metrics.

``python -m evertape.hub.metrics.reference > docs/reference/metrics.md`` brings it up to date; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from evertape.hub.metrics.catalogue import GROUPS, Metric

_HEAD = """\
# Metrics

`GET /metrics` at the hub's address gives figures in Prometheus' text format. This page is made by
`python -m evertape.hub.metrics.reference`.

**Who.** From this machine nobody has to show anything; from elsewhere, or through a proxy, an API token
(`evertape hub token add`; the role `viewer` is enough) as `Authorization: Bearer et_…`. What is about a camera that the
token's owner may not see is left out. No label holds an address of a camera, a password or a path.

**When something is away.** While the engine does not answer, `evertape_up` is 0 and only what the hub itself knows is
there; while the index cannot be read, `evertape_index_up` is 0 and accounts and forecasts are left out. A value that is
not known is left out, never 0.

**How fresh.** Cameras and processes: a second or so; volumes: as of their latest probe; the account of the last day and
what lies on volumes: 15 s.

**To use it.** [scrape.yml](../../contrib/prometheus/scrape.yml) is an example for Prometheus' own configuration,
[evertape.rules.yml](../../contrib/prometheus/evertape.rules.yml) has alert rules, and
[evertape.json](../../contrib/grafana/evertape.json) is a dashboard to import into Grafana. Evertape's own alerts
need none of these; what only a second machine can tell is that this one is gone.
"""
_LABELS = {
    "camera": "its id",
    "stream": "`main` or `sub`",
    "cause": "[as in the ledger](causes.md)",
    "volume": "its name",
    "state": "[as in the reference of volumes](storage.md)",
    "process": "`recorder-0`, `disk-NAME`, `keeper`, `hub`, …",
    "kind": "[as in the event `alert`](events.md)",
    "severity": "`warning` or `critical`",
    "channel": "its name in the configuration",
    "status": "`2xx`, `3xx`, `4xx` or `5xx`",
    "name": "of a camera, for people",
    "id": "the UUID in a volume's marker file",
    "role": "`primary`, `spill` or `retired`",
    "version": "of the program",
}


def render() -> str:
    """The page, in Markdown."""
    return _HEAD + "".join(_sections()) + "".join(_labels())


def _sections() -> Iterator[str]:
    for title, metrics in GROUPS.items():
        yield f"\n## {title}\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n"
        yield from map(_row, metrics)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} |\n"


def _labels() -> Iterator[str]:
    used = dict.fromkeys(label for group in GROUPS.values() for metric in group for label in metric.labels)
    yield "\n## Labels\n\n| label | |\n|---|---|\n"
    for label in used:
        yield f"| `{label}` | {_LABELS[label]} |\n"


if __name__ == "__main__":
    sys.stdout.write(render())
