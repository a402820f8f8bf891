"""What a vendor sends, strict where it counts and never repeated in an error, and where it is."""

import json
from collections.abc import Callable, Iterable
from datetime import date
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.paging import Page

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def _text(value: object) -> object:
    # pydantic would take a number for seconds since 1970.
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _https_or_loopback(url: str) -> str:
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (plain or (parts.scheme == "https" and parts.hostname)) or parts.username is not None:
        raise ValueError("must be https://, or http:// on this machine, without a password in it")
    return url.rstrip("/")


def _alone(url: str) -> str:
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.path not in ("", "/"):
        raise ValueError("must be an address alone, such as https://shop.example.jp")
    return url


def _loopback(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or parts.hostname not in LOOPBACK):
        raise ValueError("only a twin on this machine may stand in for the vendor")
    return url.rstrip("/")


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("is no time zone") from error
    return name


Moment = Annotated[AwareDatetime, BeforeValidator(_text)]
"""A moment as text, with its zone."""

Day = Annotated[date, BeforeValidator(_text)]
"""A day as text."""

Whole = Annotated[int, Field(strict=True)]
"""A whole number that is sent as one: yen, points, pieces."""

Address = Annotated[str, AfterValidator(_https_or_loopback)]
"""A setting: where a vendor is called. Plain HTTP only on this machine, for its twin."""

Origin = Annotated[Address, AfterValidator(_alone)]
"""An Address of a whole server: without path, query and fragment."""

TwinUrl = Annotated[str, AfterValidator(_loopback)]
"""A setting: a twin on this machine in place of the vendor's one address; empty for the vendor."""

Zone = Annotated[str, AfterValidator(_known_zone)]
"""A setting: the name of a time zone, such as Asia/Tokyo."""


class Wire(BaseModel):
    """A shape of the vendor's. Ignores what is not read; hides its input in errors."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def json_body(body: bytes, parse_float: Callable[[str], Any] = float) -> Any:
    """The body of a delivery; raises PayloadInvalid.

    ``parse_float``: Decimal for a vendor that sends money as JSON numbers.
    """
    try:
        return json.loads(body, parse_float=parse_float)
    except (ValueError, RecursionError):
        problem = PayloadInvalid("the body is not JSON")
    # Raised outside: the decoder's error carries the whole body, personal data included.
    raise problem


def parse(model: type[M], payload: Any, what: str) -> M:
    """The payload as the model; raises PayloadInvalid that names the field, never its value."""
    return canonical(what, lambda: model.model_validate(payload))


def canonical(what: str, make: Callable[[], T]) -> T:
    """What is made; PayloadInvalid always says of what, and which field a model refuses."""
    try:
        return make()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        told = f"{where} is not understood ({first['type']})"
    except PayloadInvalid as error:
        if str(error).startswith(what):
            raise
        told = str(error)
    # Raised outside: pydantic's own error holds the payload.
    raise PayloadInvalid(f"{what}: {told}")


def named(kind: str, row: Any, key: str = "id") -> str:
    """What to call a row of the vendor's in errors: by its id, where it has one.

    ``key`` is what the vendor calls that.
    """
    id = row.get(key) if isinstance(row, dict) else None
    return f"{kind} {str(id)[:64]}" if isinstance(id, int | str) else kind


def known(words: dict[str, T], word: str, what: str) -> T:
    """What the vendor's word means to us; raises PayloadInvalid for a new one."""
    if word not in words:
        raise PayloadInvalid(f"{what}: its state is a word we do not know")
    return words[word]


def page_of(
    rows: Iterable[Any], convert: Callable[[Any], T], cursor: str | None, key: str = "id"
) -> Page[T]:
    """The rows that can be understood, and the others with the reason, by their id.

    ``key`` is what the vendor calls it.
    """
    items: list[T] = []
    rejected: list[tuple[str, str]] = []
    for row in rows:
        try:
            items.append(convert(row))
        except PayloadInvalid as error:
            id = row.get(key, "unknown") if isinstance(row, dict) else "unknown"
            rejected.append((str(id), str(error)))
    return Page(tuple(items), cursor, tuple(rejected))
