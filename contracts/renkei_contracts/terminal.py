"""Registers as a headquarters server makes them known, so that it can call for them."""

from typing import Annotated, Self

from pydantic import Field, StrictBool, model_validator

from renkei_contracts.base import Canonical, Key, Text


class NewTill(Canonical):
    """A till that is to be known: ``store`` and ``till`` as its sales will say them."""

    store: Key
    till: Key
    label: Text = ""


class NewTills(Canonical):
    """Tills of one connection; those that are known already stay as they are."""

    terminals: Annotated[tuple[NewTill, ...], Field(min_length=1, max_length=5_000)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({(one.store, one.till) for one in self.terminals}) < len(self.terminals):
            raise ValueError("a till is named twice")
        return self


class RegisteredTill(Canonical):
    """A till that is known; ``new``: since this request."""

    terminal: Key
    store: Key
    till: Key
    new: StrictBool


class RegisteredTills(Canonical):
    """The tills asked for, in their order."""

    terminals: tuple[RegisteredTill, ...]
