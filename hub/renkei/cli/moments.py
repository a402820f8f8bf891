"""Moments as people type them: without a zone, Japan time is meant."""

import re
from datetime import datetime, timedelta

import typer

from renkei_contracts.base import EARLIEST_YEAR, LATEST_YEAR
from renkei_contracts.toolkit.japanese import JST

DAYS = ["%Y-%m-%d"]
INSTANTS = [*DAYS, "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


def in_japan(given: datetime | None) -> datetime | None:
    """The moment with its zone; raises BadParameter for one that no shop's clock shows."""
    if given is not None and not EARLIEST_YEAR < given.year <= LATEST_YEAR:
        raise typer.BadParameter(
            f"{given.date()}: must lie in {EARLIEST_YEAR + 1} to {LATEST_YEAR}"
        )
    return given.replace(tzinfo=JST) if given is not None and given.tzinfo is None else given


UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def duration(text: str) -> timedelta:
    """``7d``, ``12h``, ``30m`` or ``0``; raises BadParameter."""
    found = re.fullmatch(r"(\d{1,4})([dhm])", text, re.ASCII)
    if found is None and text != "0":
        raise typer.BadParameter(f"{text!r:.20}: write it as 7d, 12h, 30m or 0")
    return timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta()
