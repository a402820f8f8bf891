"""Shapes as Tryton's JSON-RPC sends them: dotted fields nest under keys that end in a dot.

Numbers and dates come as objects with ``__class__``; datetimes are UTC and do not say so. Source:
recorded answers of Tryton 8.2 (tests/plugins/tryton/payloads).
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from renkei_contracts.toolkit.wire import Wire

SALE = "sale.point.sale"
TILL = "sale.point"
TENDER = "sale.point.payment.method"

DAY_PARTS = ("year", "month", "day")
TIME_PARTS = (*DAY_PARTS, "hour", "minute", "second", "microsecond")


def _decimal(value: Any) -> Any:
    return value["decimal"] if isinstance(value, dict) and "decimal" in value else value


def _parts(value: dict[str, Any], names: tuple[str, ...]) -> list[int]:
    parts = [value.get(name) for name in names]
    if not all(type(part) is int for part in parts):
        raise ValueError("a part is missing or no whole number")
    return parts  # type: ignore[return-value] # checked by the line above


def _day(value: Any) -> Any:
    return date(*_parts(value, DAY_PARTS)) if isinstance(value, dict) else value


def _instant(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    year, month, day, hour, minute, second, micro = _parts(value, TIME_PARTS)
    return datetime(year, month, day, hour, minute, second, micro, UTC)


Number = Annotated[Decimal, BeforeValidator(_decimal)]
Day = Annotated[date, BeforeValidator(_day)]
Moment = Annotated[datetime, BeforeValidator(_instant)]
Id = Annotated[int, Field(strict=True, gt=0, lt=2**63)]


class Tax(Wire):
    """A tax; only a percentage has a rate (0.10)."""

    rate: Number | None = None


class Category(Wire):
    """The accounting category of a product, with the taxes it has today."""

    taxes: tuple[Tax, ...] = Field(alias="customer_taxes_used.")


class Product(Wire):
    """A product."""

    code: str | None = None
    name: str | None = None
    category: Category | None = Field(alias="account_category.")


class Line(Wire):
    """A line; ``amount`` holds tax where the till says ``tax_included``.

    A negative quantity is goods taken back, or a discount. Both unit prices are kept on the line.
    """

    id: Id
    product: Product = Field(alias="product.")
    quantity: Decimal
    unit_list_price: Number
    unit_gross_price: Number
    amount: Number


class Method(Wire):
    """A means of payment."""

    name: str


class Payment(Wire):
    """An amount taken; change given is a negative one in cash."""

    method: Method = Field(alias="method.")
    amount: Number


class Point(Wire):
    """The till of a sale."""

    id: Id
    tax_included: bool


class Currency(Wire):
    """A currency."""

    code: str


class Sale(Wire):
    """A finished sale."""

    id: Id
    number: str
    date: Day
    state: str
    total: Number
    create_date: Moment
    write_date: Moment
    point: Point = Field(alias="point.")
    currency: Currency = Field(alias="currency.")
    lines: tuple[Line, ...] = Field(alias="lines.")
    payments: tuple[Payment, ...] = Field(alias="payments.")


class Place(Wire):
    """Where a sale stands in the order of changes."""

    id: Id
    write_date: Moment


SALE_FIELDS = (
    "number",
    "date",
    "state",
    "total",
    "create_date",
    "write_date",
    "point.tax_included",
    "currency.code",
    "lines.product.code",
    "lines.product.name",
    "lines.product.account_category.customer_taxes_used.rate",
    "lines.quantity",
    "lines.unit_list_price",
    "lines.unit_gross_price",
    "lines.amount",
    "payments.method.name",
    "payments.amount",
)
"""What a sale is read with: one call gives all of it."""


class Company(Wire):
    """The company of a till; without a time zone its days are those of the server."""

    timezone: str | None = None
    currency: Currency = Field(alias="currency.")


class TillRow(Wire):
    """A till as the connection check reads it."""

    name: str
    company: Company = Field(alias="company.")


TILL_FIELDS = ("name", "company.timezone", "company.currency.code")


class Goods(Wire):
    """A product with its price today, tax included."""

    code: str
    name: str
    gross: Number = Field(alias="gross_price_used")
    category: Category = Field(alias="account_category.")


GOODS_FIELDS = ("code", "name", "gross_price_used", "account_category.customer_taxes_used.rate")


def moment(at: datetime) -> dict[str, Any]:
    """An instant as Tryton wants it in a search."""
    at = at.astimezone(UTC)
    return {"__class__": "datetime"} | {name: getattr(at, name) for name in TIME_PARTS}
