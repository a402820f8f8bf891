"""The command line of the bench."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import jobs
from bench.report import report
from bench.rounds import run
from bench.thresholds import FEWEST_ROUNDS, FIGURES, ci_figures, figures_of
from renkei.cli.running import run_async


def main(arguments: Sequence[str]) -> int:
    """Measure and report; gives the exit code (report.exit_code)."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        rows = [row for row in asked.rows.split(",") if row]
        figures = ci_figures() if asked.ci else figures_of(rows)
    except ValueError as error:
        parser.error(str(error))
    if any(figure.row == "jobs" for figure in figures) and (missing := jobs.missing()):
        parser.error(missing)
    if asked.rounds < FEWEST_ROUNDS:
        parser.error(f"a median takes at least {FEWEST_ROUNDS} rounds")
    with tempfile.TemporaryDirectory(prefix="rk-bench-", dir=asked.dir) as folder:
        Path(folder).chmod(0o755)  # under root the server runs as another user
        samples = run_async(run(Path(folder), figures, asked.rounds, _progress))
    text, code = report(figures, samples, as_json=asked.json)
    sys.stdout.write(f"{text}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    rows = ",".join(figure.row for figure in FIGURES)
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rows", default="", help=f"some of {rows}; all without it")
    which.add_argument("--ci", action="store_true", help="those that CI gates, by CI's gates")
    parser.add_argument("--rounds", type=int, default=FEWEST_ROUNDS)
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--dir", default="/tmp", help="where the server lives: a local disk")  # noqa: S108
    return parser


def _progress(said: str) -> None:
    sys.stderr.write(f"{said}\n")
    sys.stderr.flush()
