"""The command line of the bench."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import jobs, pgledger
from bench.report import report
from bench.rounds import run
from bench.thresholds import FEWEST_ROUNDS, FIGURES, Figure, ci_figures, figures_of
from renkei.cli.running import run_async


def main(arguments: Sequence[str]) -> int:
    """Measure and report; gives the exit code (report.exit_code)."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    figures = _figures(parser, asked)
    if asked.rounds < FEWEST_ROUNDS:
        parser.error(f"a median takes at least {FEWEST_ROUNDS} rounds")
    with tempfile.TemporaryDirectory(prefix="rk-bench-", dir=asked.dir) as folder:
        Path(folder).chmod(0o755)  # under root the server runs as another user
        samples = run_async(run(Path(folder), figures, asked.rounds, _progress, asked.pgledger))
    text, code = report(figures, samples, as_json=asked.json)
    sys.stdout.write(f"{text}\n")
    return code


def _figures(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> tuple[Figure, ...]:
    """Those that are asked for; an error where something for them is missing."""
    rows = [row for row in asked.rows.split(",") if row]
    try:
        figures = ci_figures() if asked.ci else figures_of(rows)
    except ValueError as error:
        parser.error(str(error))
    if not rows and asked.pgledger is None and not asked.ci:
        _progress(f"left out: {pgledger.missing(None)}")
        figures = tuple(one for one in figures if one.group != "pgledger")
    needs = {"jobs": jobs.missing(), "pgledger": pgledger.missing(asked.pgledger)}
    for group in {figure.group for figure in figures}:
        if missing := needs.get(group):
            parser.error(missing)
    return figures


def _parser() -> argparse.ArgumentParser:
    rows = ",".join(figure.row for figure in FIGURES)
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rows", default="", help=f"some of {rows}; all without it")
    which.add_argument("--ci", action="store_true", help="those that CI gates, by CI's gates")
    parser.add_argument("--rounds", type=int, default=FEWEST_ROUNDS)
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--pgledger", type=Path, help="a checkout of pgr0ss/pgledger, for its rows")
    parser.add_argument("--dir", default="/tmp", help="where the server lives: a local disk")  # noqa: S108
    return parser


def _progress(said: str) -> None:
    sys.stderr.write(f"{said}\n")
    sys.stderr.flush()
