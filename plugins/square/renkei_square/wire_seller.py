"""Shapes of what a seller has set up: locations and the loyalty program."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from renkei_contracts.toolkit.wire import Wire
from renkei_square.wire import Rows, nothing


class AccrualRule(Wire):
    """What a loyalty program grants points for."""

    accrual_type: str
    item_variation_data: dict[str, Any] | None = None
    category_data: dict[str, Any] | None = None


class Program(Wire):
    """The seller's one loyalty program."""

    id: str
    status: str
    expiration_policy: dict[str, Any] | None = None
    accrual_rules: Annotated[tuple[AccrualRule, ...], BeforeValidator(nothing)] = ()


class Location(Wire):
    """A place of the seller's."""

    id: str
    name: str | None = None
    status: str
    merchant_id: str
    currency: str


class OneProgram(Wire):
    """The answer that holds the loyalty program."""

    program: Program


class SomePromotions(Wire):
    """Loyalty promotions."""

    loyalty_promotions: Rows = ()


class SomeLocations(Wire):
    """Locations."""

    locations: Annotated[tuple[Location, ...], BeforeValidator(nothing)] = ()
