"""Medians and spreads of the rounds, and percentiles within one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from bench.thresholds import NOISE, Figure

Samples = Mapping[str, Sequence[float]]
"""Sample → its value in each round."""


@dataclass(frozen=True)
class Result:
    """A figure's value in each round, their median, and what that means."""

    figure: Figure
    rounds: tuple[float, ...]
    value: float

    @property
    def gate_met(self) -> bool:
        """Whether what must be reached was reached."""
        return self.figure.meets(self.value, self.figure.gate)

    @property
    def aim_met(self) -> bool | None:
        """Whether what is wanted was reached; None where nothing more is wanted."""
        return None if self.figure.aim is None else self.figure.meets(self.value, self.figure.aim)


def result_of(figure: Figure, samples: Samples) -> Result:
    """The median over the rounds; a ratio is taken inside each round, so that drift cancels."""
    rounds = tuple(samples[figure.of])
    if figure.by is not None:
        rounds = tuple(a / b for a, b in zip(rounds, samples[figure.by], strict=True))
    return Result(figure, rounds, median(rounds))


def spread(values: Sequence[float]) -> float:
    """The middle half's width over the median: 0.1 says that half the rounds lie within 10 %."""
    low, _, high = quantiles(values, n=4, method="inclusive")
    return (high - low) / median(values)


def p99_ms(seconds: Sequence[float]) -> float:
    """The 99th percentile of so many times, in milliseconds."""
    return sorted(seconds)[len(seconds) * 99 // 100] * 1000


def p999_ms(seconds: Sequence[float]) -> float:
    """The 99.9th percentile of so many times, in milliseconds."""
    return sorted(seconds)[len(seconds) * 999 // 1000] * 1000


def noise_of(samples: Samples) -> dict[str, float]:
    """The machine's own spread over the rounds, by what was repeated."""
    return {name: spread(samples[name]) for name in NOISE}


def too_noisy(noise: Mapping[str, float]) -> list[str]:
    """What moved more than it may; with anything in it no figure of the run says anything."""
    return [name for name, limit in NOISE.items() if not noise[name] <= limit]
