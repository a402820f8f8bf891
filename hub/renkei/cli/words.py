"""What people say on the command line about what they decide."""

import typer
from pydantic import TypeAdapter, ValidationError

from renkei_contracts.base import Text

TEXT: TypeAdapter[str] = TypeAdapter(Text)


def said(given: str | None) -> str | None:
    """The words, as an option's callback; raises BadParameter for none, or what cannot be kept."""
    if given is None:
        return None
    if not given.strip():
        raise typer.BadParameter("must say something")
    try:
        return TEXT.validate_python(given)
    except ValidationError as error:
        raise typer.BadParameter(error.errors(include_url=False)[0]["msg"]) from None
