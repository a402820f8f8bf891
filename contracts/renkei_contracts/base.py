"""The model and the number types every contract is made of."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

MAX_AMOUNT = 999_999_999_999
"""Largest points or yen in one field: fits 64 bits with room for every sum the hub makes."""


EARLIEST_YEAR, LATEST_YEAR = 1970, 2200

D = TypeVar("D", date, datetime)


UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _storable(text: str) -> str:
    """PostgreSQL keeps neither NUL nor lone surrogates; refusing them here spares a batch later."""
    if UNSTORABLE.search(text):
        raise ValueError("must not hold NUL or lone surrogates")
    return text


DATED = re.compile(r"\s*\d{4}-")


def _no_number(value: object) -> object:
    """A number, also as text, would be read as seconds since 1970; nobody means that by one."""
    if isinstance(value, int | float) or (isinstance(value, str) and not DATED.match(value)):
        raise ValueError("must be written as a date, year first with hyphens, and not as a number")
    return value


def _countable(day: D) -> D:
    """What no shop's clock can show would overflow calendars further on."""
    if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
        raise ValueError(f"must lie in the years {EARLIEST_YEAR} to {LATEST_YEAR}")
    return day


def _to_utc(instant: datetime) -> datetime:
    """Its year is judged in UTC, as it is kept and read again."""
    try:
        utc = instant.astimezone(UTC)
    except OverflowError:
        utc = instant.replace(tzinfo=UTC)  # the first or the last day of every calendar
    return _countable(utc)


Text = Annotated[str, Field(max_length=500), AfterValidator(_storable)]
"""Words of people or vendors: at most 500 characters, storable as they are."""

Key = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]
"""A name given by somebody else: a vendor's id, a request key, a receipt number."""

SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"
Slug = Annotated[str, Field(pattern=SLUG)]
"""A short name of ours, fit for a URL: a connection, a store, a till."""

Points = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT)]
"""Whole points, never negative."""

Yen = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT)]
"""Whole yen, never negative."""

Day = Annotated[date, BeforeValidator(_no_number), AfterValidator(_countable)]
"""A day of a calendar, as text with hyphens, from 1970 to 2200."""

Instant = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(_to_utc)]
"""A moment with its zone, from 1970 to 2200, kept in UTC."""


class Canonical(BaseModel):
    """Frozen; refuses unknown fields, so that a misspelt one is an error and not a loss."""

    model_config = ConfigDict(frozen=True, extra="forbid")
