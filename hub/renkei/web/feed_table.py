"""Changes as a table, for tills that read files only: CSV in UTF-8 or CP932."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from renkei_contracts.feed import Change

COLUMNS = (
    "type", "member", "deleted", "spendable", "pending", "balance_version", "as_of", "state",
    "merged_into", "masked_name", "card", "code", "name", "title", "benefit", "usable_from",
    "usable_until", "program", "version", "in_force_from", "digest", "store", "area", "day_ends",
    "since",
)  # fmt: skip
"""Every column of every kind; what a kind does not have is empty. New ones come at the end."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute."""


def table(data: Sequence[Change], charset: str, headers: Mapping[str, str]) -> Response:
    """The table as an answer. What CP932 cannot write is a question mark, never an error."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for change in data:
        writer.writerow(
            {name: _cell(value) for name, value in change.model_dump(mode="json").items()}
        )
    body = text.getvalue().encode(charset, "replace")
    shown = "Shift_JIS" if charset == "cp932" else "utf-8"
    return Response(body, media_type=f"text/csv; charset={shown}", headers=dict(headers))


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if value is None:
        return ""
    said = str(value)
    # A spreadsheet would take it for a formula.
    return f"'{said}" if said.startswith(FORMULA) else said
