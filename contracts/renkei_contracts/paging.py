"""Reading long lists in pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Window:
    """What changed at the vendor from ``since`` (included) to ``until`` (excluded), UTC."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items and where to go on; ``cursor`` None means that this was the last page.

    ``rejected`` are objects of this page that could not be understood: (vendor id, reason). They
    never stop the page; the hub keeps them for a person.
    """

    items: tuple[T, ...]
    cursor: str | None = None
    rejected: tuple[tuple[str, str], ...] = ()
