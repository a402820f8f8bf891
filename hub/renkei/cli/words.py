"""What people say on the command line: words about what they decide, and names of it."""

import typer
from pydantic import TypeAdapter, ValidationError

from renkei.errors import fault_words
from renkei_contracts.base import Key, Text

TEXT: TypeAdapter[str] = TypeAdapter(Text)
KEY: TypeAdapter[str] = TypeAdapter(Key)


def said(given: str | None) -> str | None:
    """The words, as an option's callback; raises BadParameter for none, or what cannot be kept."""
    if given is not None and not given.strip():
        raise typer.BadParameter("must say something")
    return _kept(TEXT, given)


def named(given: str | None) -> str | None:
    """A key, in the same way."""
    return _kept(KEY, given)


def _kept(kind: TypeAdapter[str], given: str | None) -> str | None:
    if given is None:
        return None
    try:
        return kind.validate_python(given)
    except ValidationError as error:
        raise typer.BadParameter(fault_words(error.errors(include_url=False)[0])) from None
