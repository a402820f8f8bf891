"""Shapes of bulk operations as the Admin GraphQL API answers (documents.py)."""

from typing import Annotated

from pydantic import BeforeValidator

from renkei_shopify.wire_graphql import Node, Ref, UserError


def _count(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("not a number")
    return value


Count = Annotated[int, BeforeValidator(_count)]


class Begun(Node):
    """What became of beginning an export."""

    bulk_operation: Ref | None
    user_errors: tuple[UserError, ...]


class Export(Node):
    """How far an export is; ``url`` is where its file lies, for seven days (None: it is empty)."""

    status: str
    error_code: str | None
    object_count: Count
    url: str | None
