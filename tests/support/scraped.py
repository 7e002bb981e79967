"""Metrics as they were read, sample by sample."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from dayfile.service import Service


class Scraped:
    """The samples of one look."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self.samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    @classmethod
    def of(cls, service: Service) -> Scraped:
        """Read the metrics of an instance without a server."""
        return cls.of_text(bytes(service.insight.metrics.answer().body).decode())

    @classmethod
    def of_text(cls, text: str) -> Scraped:
        """Read the metrics as Prometheus does."""
        return cls(text_string_to_metric_families(text))

    @property
    def names(self) -> set[str]:
        """The names of the samples."""
        return {name for name, _ in self.samples}

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a sample; None if there is none."""
        return self.samples.get((f"dayfile_{name}", tuple(sorted(labels.items()))))

    def level(self, sign: str) -> float | None:
        """The level of a sign."""
        return self.value("sign_level", sign=sign)
