"""Canonical products: stated from a file, found by JAN or SKU. What was stated is never changed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from sqlalchemy import text

from renkei.errors import RequestInvalid
from renkei.loyalty.products import jan as jan_of
from renkei.storage.engine import Database
from renkei_contracts.base import Canonical, Slug, Text
from renkei_contracts.toolkit.japanese import fold

HEADINGS = {
    "janコード": "jan",
    "janコード/バーコード": "jan",
    "バーコード": "jan",
    "商品コード": "sku",
    "品番": "sku",
    "商品名": "title",
    "分類": "classes",
    "区分": "classes",
}
"""What the columns are called in Japanese exports, folded and in lower case."""

STATE = """
INSERT INTO product (jan, sku, stated_at, title, classes)
SELECT x.jan, x.sku, clock.now, x.title, x.classes
FROM json_to_recordset(CAST(:rows AS json)) AS x(jan text, sku text, title text, classes text[]),
     (SELECT clock_timestamp() AS now) clock
WHERE NOT EXISTS (
  SELECT FROM (SELECT title, classes FROM product p WHERE (p.jan, p.sku) = (x.jan, x.sku)
               ORDER BY stated_at DESC LIMIT 1) newest
  WHERE (newest.title, newest.classes) = (x.title, x.classes))"""

NEWEST = """
SELECT DISTINCT ON (jan, sku) jan, sku, title, classes, stated_at FROM product
WHERE CAST(:code AS text) IS NULL OR jan = :jan OR sku = :code
ORDER BY jan, sku, stated_at DESC LIMIT :most"""


def _jan(text: str) -> str:
    if text and not jan_of(text):
        raise ValueError(f"{text!r:.40} is no JAN: 8 or 13 digits, the last of them a check digit")
    return jan_of(text)


def _classes(given: object) -> object:
    """``tobacco, snacks`` as people write it: separated by commas, semicolons or spaces."""
    if not isinstance(given, str):
        return given
    words = fold(given).replace(",", " ").replace(";", " ").replace("、", " ").split()
    return tuple(sorted({word.lower() for word in words}))


class Product(Canonical):
    """A product as the merchant lists it; its JAN or SKU makes it one product everywhere."""

    jan: Annotated[Text, AfterValidator(_jan)] = ""
    sku: Annotated[Text, AfterValidator(fold)] = ""
    title: Text = ""
    classes: Annotated[tuple[Slug, ...], BeforeValidator(_classes), Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.jan and not self.sku:
            raise ValueError("a product needs a JAN or a SKU")
        return self


@dataclass(frozen=True)
class Listed:
    """A product as it was last stated."""

    jan: str
    sku: str
    title: str
    classes: tuple[str, ...]
    stated_at: Any


async def state(database: Database, products: Sequence[Product]) -> int:
    """State these from now on; gives how many were new or different.

    Raises RequestInvalid where one JAN or SKU would be of two classes.
    """
    _require_one_meaning(products)
    rows = {(one.jan, one.sku): one.model_dump(mode="json") for one in products}
    async with database.begin() as conn:
        done = await conn.execute(text(STATE), {"rows": json.dumps(list(rows.values()))})
    return int(done.rowcount)


async def listed(database: Database, code: str | None, most: int) -> list[Listed]:
    """Products by their codes; ``code`` is a JAN or SKU, None: all."""
    values = {"code": fold(code) if code else None, "jan": jan_of(code or ""), "most": most}
    async with database.begin() as conn:
        rows = (await conn.execute(text(NEWEST), values)).all()
    return [Listed(row[0], row[1], row[2], tuple(row[3]), row[4]) for row in rows]


def _require_one_meaning(products: Sequence[Product]) -> None:
    """A JAN on several rows (one for each SKU) has the same classes on each."""
    seen: dict[tuple[str, str], tuple[str, ...]] = {}
    for one in products:
        for kind, code in (("jan", one.jan), ("sku", one.sku)):
            if code and seen.setdefault((kind, code), one.classes) != one.classes:
                raise RequestInvalid(kind, code, "stands on two lines with different classes")
