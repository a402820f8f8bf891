"""Shapes of stock as the Admin GraphQL API answers (documents.py)."""

from typing import Annotated

from pydantic import Field

from renkei_contracts.toolkit.wire import Moment
from renkei_shopify.wire_graphql import Legacy, Node, Slice

Pieces = Annotated[int, Field(strict=True)]
"""Below nothing where more was sold than there is."""


class Item(Node):
    """What is kept in stock."""

    id: str
    sku: str | None


class Items(Node):
    """The first of those that fit a filter."""

    nodes: tuple[Item, ...]


class Quantity(Node):
    """How much of one kind of stock there is."""

    quantity: Pieces
    updated_at: Moment | None


class Level(Node):
    """An item at a location."""

    location: Legacy
    updated_at: Moment
    quantities: tuple[Quantity, ...]


class Kept(Node):
    """The locations of an item, page by page."""

    inventory_levels: Slice[Level]
