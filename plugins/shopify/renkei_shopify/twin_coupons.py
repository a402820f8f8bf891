"""The twin's discount codes, as the Admin GraphQL API tells of them and takes them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from renkei_shopify.mapping_graphql import number_of
from renkei_shopify.twin_records import TwinDiscount
from renkei_shopify.twin_shop import TwinShop

Variables = Mapping[str, Any]


def coupon(shop: TwinShop, variables: Variables) -> dict[str, Any]:
    """The discount of a code, in whatever case."""
    found = shop.discounts.get(variables["code"].lower())
    return {"codeDiscountNodeByCode": _node(found) if found else None}


def issue(shop: TwinShop, variables: Variables) -> dict[str, Any]:
    """A new one; a code is the shop's once."""
    given = variables["discount"]
    yen = Decimal(given["customerGets"]["value"]["discountAmount"]["amount"])
    ends = datetime.fromisoformat(given["endsAt"])
    if ends <= datetime.fromisoformat(given["startsAt"]):
        return _created(None, "END_DATE_BEFORE_START_DATE", "endsAt")
    try:
        made = shop.discount(given["code"], yen, ends, given["usageLimit"])
    except KeyError:
        return _created(None, "TAKEN", "code")
    return _created({"id": _id(made)})


def revoke(shop: TwinShop, variables: Variables) -> dict[str, Any]:
    """It is gone."""
    wanted = number_of(variables["id"])
    found = next((one for one in shop.discounts.values() if one.id == wanted), None)
    if found is None:
        errors = [{"field": ["id"], "message": "There is none", "code": "INVALID"}]
        return {"discountCodeDelete": {"deletedCodeDiscountId": None, "userErrors": errors}}
    del shop.discounts[found.code.lower()]
    gone = {"deletedCodeDiscountId": variables["id"], "userErrors": []}
    return {"discountCodeDelete": gone}


def _id(one: TwinDiscount) -> str:
    return f"gid://shopify/DiscountCodeNode/{one.id}"


def _node(one: TwinDiscount) -> dict[str, Any]:
    ends = one.ends_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if one.ends_at else None
    value = {"__typename": "DiscountAmount", "amount": {"amount": str(one.yen)}}
    return {
        "id": _id(one),
        "codeDiscount": {
            "__typename": "DiscountCodeBasic",
            "endsAt": ends,
            "usageLimit": one.usage_limit,
            "codes": {"nodes": [{"code": one.code}]},
            "customerGets": {"value": value},
        },
    }


def _created(node: dict[str, Any] | None, code: str = "", field: str = "") -> dict[str, Any]:
    error = {"field": ["basicCodeDiscount", field], "message": "It is refused", "code": code}
    done = {"codeDiscountNode": node, "userErrors": [error] if code else []}
    return {"discountCodeBasicCreate": done}
