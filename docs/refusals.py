"""Write the tables of refusals into docs/errors.md from the code.

usage: python docs/refusals.py
"""

import re
from collections.abc import Mapping
from pathlib import Path

from renkei.services.refusals import REFUSALS, Refusal
from renkei.web.problems import OF_THE_WEB

DOCUMENT = Path(__file__).with_name("errors.md")
TABLE = re.compile(r"(\| Code \| HTTP .*\n\| --- .*\n)((?:\| `.*\n)*)")


def rows(refusals: Mapping[str, Refusal]) -> str:
    """The rows of one table, by status and code."""
    ordered = sorted(refusals.items(), key=lambda item: (item[1].status, item[0]))
    return "".join(_row(code, refusal) for code, refusal in ordered)


def _row(code: str, refusal: Refusal) -> str:
    again = "yes" if refusal.retryable else "no"
    said = (f"`{code}`", str(refusal.status), refusal.message, again, f"`{refusal.action}`")
    return f"| {' | '.join(said)} |\n"


def main() -> None:
    """The first table is the till's, the second that of HTTP itself."""
    tables = iter((rows(REFUSALS), rows(OF_THE_WEB)))
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(TABLE.sub(lambda found: found[1] + next(tables), text), "utf-8")


if __name__ == "__main__":
    main()
