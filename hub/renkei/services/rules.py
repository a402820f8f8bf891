"""What commands ask of their input: a program version's rules, valid values, plausible times."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from renkei.errors import RequestInvalid, fault_words
from renkei.ledger.world import ProgramVersion
from renkei.loyalty.program import Program
from renkei_contracts.base import MAX_AMOUNT, Key

M = TypeVar("M", bound=BaseModel)


def rules_of(version: ProgramVersion) -> Program:
    """The program version's rules, read once per process: it never changes."""
    return _parsed(version.document)


def in_force(
    versions: Sequence[ProgramVersion], program: str, at: datetime
) -> tuple[int, Program] | None:
    """The newest version of the program in force at that instant, or None; oldest come first."""
    for one in reversed(versions):
        if one.program == program and one.in_force_from <= at:
            return one.version, rules_of(one)
    return None


@lru_cache(maxsize=256)
def _parsed(document: str) -> Program:
    return Program.model_validate_json(document)


def asked(model: type[M], **values: Any) -> M:
    """The request these values make; raises RequestInvalid, which names the first wrong field."""
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or model.__name__
        why = fault_words(first)
        raise RequestInvalid(field, first["input"], why) from None


def require_amount(field: str, value: object) -> None:
    """Raise RequestInvalid unless it is a whole number from 1 to MAX_AMOUNT."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_AMOUNT:
        raise RequestInvalid(field, value, f"must be a whole number from 1 to {MAX_AMOUNT}")


def require_name(field: str, value: object) -> None:
    """Raise RequestInvalid unless it is a name that a database can keep: 1 to 200 characters."""
    try:
        TypeAdapter(Key).validate_python(value, strict=True)
    except ValidationError as error:
        raise RequestInvalid(field, value, fault_words(error.errors()[0])) from None


AHEAD = timedelta(days=1)
"""How far a vendor's clock may be ahead of ours."""


def require_plausible(field: str, at: datetime, now: datetime) -> None:
    """Raise RequestInvalid for a time that no shop has reached yet."""
    if at > now + AHEAD:
        raise RequestInvalid(field, at.isoformat(), "lies in the future; check the sender's clock")
