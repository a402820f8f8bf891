"""What commands write: results on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table

from renkei_contracts.toolkit.japanese import JST

PIPED_WIDTH = 120
"""Columns of a table that goes into a file or another program."""

output = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
errors = Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """Write a line as it is: no word in it is a colour, and no file gets it in two."""
    output.print(line, markup=False, soft_wrap=True)


def as_json(result: object) -> None:
    """Write the result for a program: one JSON document."""
    print(json.dumps(result, ensure_ascii=False, indent=2, default=_plain))  # noqa: T201


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write rows for a person; numbers stand to the right, and what the first column names, an id
    that the next command wants, stands in one line."""
    if title:
        output.print(title, style="bold", markup=False, soft_wrap=True)
    drawn = Table()
    for number, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[number], int) for row in rows)
        side: JustifyMethod = "right" if numeric else "left"
        drawn.add_column(column, justify=side, overflow="fold", no_wrap=number == 0)
    for row in rows:
        drawn.add_row(*("" if cell is None else str(cell) for cell in row))
    output.print(drawn)


def local(at: datetime | None) -> str:
    """An instant in Japan time, the zone in which moments are typed."""
    return "" if at is None else at.astimezone(JST).strftime("%Y-%m-%d %H:%M:%S %Z")


@contextmanager
def working(label: str) -> Iterator[None]:
    """Show that something is going on, where a person looks; nothing where a program does."""
    if not errors.is_terminal:
        yield
        return
    with errors.status(label):
        yield


class Progress:
    """What is going on now, in one line that changes, where a person looks."""

    def __init__(self) -> None:
        self._status = errors.status("") if errors.is_terminal else None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exc: object) -> None:
        self.say("")

    def say(self, label: str) -> None:
        """Show this instead; nothing where it is empty."""
        if self._status is None:
            return
        if label:
            self._status.update(label)
            self._status.start()
        else:
            self._status.stop()
