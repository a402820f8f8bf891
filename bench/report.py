"""What a run says: a table or JSON, and the exit code."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median

from bench.statistics import Result, Samples, noise_of, result_of, spread, too_noisy
from bench.thresholds import FIGURES, NOISE, Figure

MET, MISSED, NOISY = 0, 1, 2
WIDTH = max(len(figure.row) for figure in FIGURES)


def exit_code(results: Sequence[Result], noise: Mapping[str, float]) -> int:
    """0: every gate is met. 1: one is missed. 2: too noisy to say either."""
    if too_noisy(noise):
        return NOISY
    return MET if all(result.gate_met for result in results) else MISSED


def report(figures: Sequence[Figure], samples: Samples, *, as_json: bool) -> tuple[str, int]:
    """The text to print and the exit code."""
    results = [result_of(figure, samples) for figure in figures]
    noise = noise_of(samples)
    code = exit_code(results, noise)
    text = _json(results, samples, noise, code) if as_json else _table(results, samples, noise)
    return text, code


def _json(
    results: Sequence[Result], samples: Samples, noise: Mapping[str, float], code: int
) -> str:
    figures = [
        {
            **asdict(result.figure),
            "value": result.value,
            "rounds": result.rounds,
            "gate_met": result.gate_met,
            "aim_met": result.aim_met,
        }
        for result in results
    ]
    said = {
        "exit_code": code,
        "noise": noise,
        "noise_limits": NOISE,
        "figures": figures,
        "samples": dict(samples),
    }
    return json.dumps(said, indent=2)


def _table(results: Sequence[Result], samples: Samples, noise: Mapping[str, float]) -> str:
    lines = [f"{'row':{WIDTH}} {'figure':>10} {'gate':>14} {'aim':>14}  of what"]
    lines += [_line(result) for result in results]
    lines += ["", "samples, median and spread over the rounds:"]
    lines += [_sample(name, values) for name, values in samples.items()]
    lines += ["", *_verdict(results, noise)]
    return "\n".join(lines)


def _line(result: Result) -> str:
    figure = result.figure
    gate = _wanted(figure, figure.gate, result.gate_met)
    aim = "" if figure.aim is None else _wanted(figure, figure.aim, bool(result.aim_met))
    unit = f" ({figure.unit})" if figure.by is None else ""
    figures = f"{_number(result.value):>10} {gate:>14} {aim:>14}"
    return f"{figure.row:{WIDTH}} {figures}  {figure.says}{unit}"


def _wanted(figure: Figure, wanted: float, met: bool) -> str:
    sign = "≥" if figure.sense == "at least" else "≤"
    return f"{sign} {_number(wanted)} {'met' if met else 'MISSED'}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _sample(name: str, values: Sequence[float]) -> str:
    return f"  {name:{WIDTH}} {_number(median(values)):>10}  ± {spread(values):.0%}"


def _verdict(results: Sequence[Result], noise: Mapping[str, float]) -> list[str]:
    noisy = too_noisy(noise)
    said = ", ".join(f"{name} {noise[name]:.0%} (at most {NOISE[name]:.0%})" for name in noise)
    if noisy:
        return [
            f"TOO NOISY: {said}.",
            "The machine did other work meanwhile; nothing above may be quoted. Run it again.",
        ]
    missed = [result.figure.row for result in results if not result.gate_met]
    verdict = f"gates missed: {', '.join(missed)}" if missed else "every gate is met"
    return [f"noise: {said}", verdict]
