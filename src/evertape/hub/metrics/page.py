"""One answer to a scrape. Pure, but for the text being Prometheus' own library's work."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from evertape.hub.metrics.catalogue import GROUPS, Kind, Metric

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

Family = CounterMetricFamily | GaugeMetricFamily


class Page(Collector):
    """Values by metric, as they are put in."""

    def __init__(self) -> None:
        self._values: dict[Metric, dict[tuple[str, ...], float]] = {}

    def put(self, metric: Metric, value: float | None, **labels: str) -> None:
        """Say ``value``; ``None``: nothing is known, and the series is left out."""
        if tuple(labels) != metric.labels:
            raise ValueError(f"{metric.name} has the labels {metric.labels}, not {tuple(labels)}")
        if value is not None:
            self._values.setdefault(metric, {})[tuple(labels.values())] = float(value)

    def collect(self) -> Iterator[Family]:
        """As Prometheus' library wants it, in the order of the catalogue."""
        for metric in (one for group in GROUPS.values() for one in group):
            values = self._values.get(metric)
            if values:
                kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
                family: Family = kind(metric.name, metric.meaning, labels=metric.labels)
                for labels, value in values.items():
                    family.add_metric(labels, value)
                yield family

    def text(self) -> bytes:
        """The answer."""
        # A registry of its own: the library's common one would add this process' figures under other names.
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)
