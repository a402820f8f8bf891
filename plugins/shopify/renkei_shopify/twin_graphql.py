"""The twin's Admin GraphQL API: it knows the operations of documents.py by name.

It answers with exactly what those documents select; twin_app.py holds question and answer against
Shopify's own schema.
"""

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from renkei_shopify import twin_coupons, twin_export
from renkei_shopify.mapping_graphql import number_of
from renkei_shopify.twin_export import TwinExports
from renkei_shopify.twin_records import (
    D,
    TwinCustomer,
    TwinLine,
    TwinOrder,
    TwinRefund,
    TwinRefundLine,
)
from renkei_shopify.twin_schema import graphql
from renkei_shopify.twin_shop import TwinShop

Variables = Mapping[str, Any]

_FILTER = re.compile(r"updated_at:>='([^']+)' AND updated_at:<'([^']+)'")

LINES = 25
"""How many lines of an order or a refund the documents ask for."""


@dataclass
class Desk:
    """Answers operations on one store; ``topics`` are the webhook subscriptions by topic.

    ``exports`` are its bulk operations, whose files are under ``url``. ``page_size``: the most
    nodes a page has, whatever was asked for (None: no such limit).
    """

    shop: TwinShop
    domain: str
    scopes: Sequence[str]
    topics: dict[str, str]
    exports: TwinExports
    url: str
    page_size: int | None = None

    def answer(self, operation: str, variables: Variables) -> dict[str, Any] | None:
        """The data of the answer; None for an operation the twin does not know."""
        known: dict[str, Callable[[Variables], dict[str, Any]]] = {
            "RenkeiOrder": self._order,
            "RenkeiOrderLines": self._order_lines,
            "RenkeiRefund": self._refund,
            "RenkeiOrdersChanged": self._orders_changed,
            "RenkeiExportBegin": self._export_begin,
            "RenkeiExport": self._export,
            "RenkeiCustomer": self._customer,
            "RenkeiCustomersChanged": self._customers_changed,
            "RenkeiPointsRead": self._points_read,
            "RenkeiPointsWrite": self._points_write,
            "RenkeiCoupon": partial(twin_coupons.coupon, self.shop),
            "RenkeiCouponIssue": partial(twin_coupons.issue, self.shop),
            "RenkeiCouponRevoke": partial(twin_coupons.revoke, self.shop),
            "RenkeiStockItems": self.shop.stock.found,
            "RenkeiStockLevels": lambda given: self.shop.stock.told(given, self._most(50)),
            "RenkeiStockSet": lambda given: self.shop.stock.set(given, self.shop.clock()),
            "RenkeiConnectionCheck": self._check,
            "RenkeiSubscribe": self._subscribe,
        }
        run = known.get(operation)
        return run(variables) if run else None

    def _order(self, variables: Variables) -> dict[str, Any]:
        order = self.shop.orders.get(number_of(variables["id"]))
        return {"order": _order(order, self._most(LINES)) if order else None}

    def _order_lines(self, variables: Variables) -> dict[str, Any]:
        order = self.shop.orders.get(number_of(variables["id"]))
        lines = _lines(order, variables["after"], self._most(LINES)) if order else None
        return {"order": {"lineItems": lines} if lines else None}

    def _refund(self, variables: Variables) -> dict[str, Any]:
        wanted = number_of(variables["id"])
        for order in self.shop.orders.values():
            for refund in order.refunds:
                if refund.id == wanted:
                    return {"refund": _refund(refund, variables["after"], self._most(LINES))}
        return {"refund": None}

    def _orders_changed(self, variables: Variables) -> dict[str, Any]:
        page, info = self._changed(self.shop.orders.values(), variables)
        return {
            "orders": {"pageInfo": info, "nodes": [{"legacyResourceId": str(o.id)} for o in page]}
        }

    def _export_begin(self, variables: Variables) -> dict[str, Any]:
        query = variables["query"]
        if problem := graphql().request_problem(query, {}):
            raise ValueError(f"Shopify would refuse the query of this export: {problem}")
        return self.exports.begin(query)

    def _export(self, variables: Variables) -> dict[str, Any]:
        """Its file is written when it is asked for once more."""
        found = self.exports.asked(variables["id"])
        if found and found.lines is None and found.asked > twin_export.ASKED:
            found.lines = self._exported(found.query)
        return twin_export.told(found, self.url)

    def _exported(self, query: str) -> list[dict[str, Any]]:
        """In no order that one could count on."""
        since, until = _window(query)
        within = [one for one in self.shop.orders.values() if since <= one.updated_at < until]
        orders = {
            f"gid://shopify/Order/{one.id}": _order(one, len(one.lines)) for one in reversed(within)
        }
        nodes = [
            {**one, "id": id, "lineItems": _edges(one["lineItems"]["nodes"])}
            for id, one in orders.items()
        ]
        answer = {"orders": _edges(nodes)}
        if problem := graphql().answer_problem(query, {}, answer):
            raise ValueError(f"the twin's export is wrong: {problem}")
        return list(twin_export.lines_of(orders))

    def _customer(self, variables: Variables) -> dict[str, Any]:
        customer = self.shop.customers.get(number_of(variables["id"]))
        return {"customer": _customer(customer) if customer else None}

    def _customers_changed(self, variables: Variables) -> dict[str, Any]:
        page, info = self._changed(self.shop.customers.values(), variables)
        return {"customers": {"pageInfo": info, "nodes": [_customer(one) for one in page]}}

    def _points_read(self, variables: Variables) -> dict[str, Any]:
        customer = self.shop.customers.get(number_of(variables["id"]))
        if customer is None:
            return {"customer": None}
        value = customer.metafields.get(metafield_name(variables))
        return {"customer": {"metafield": None if value is None else {"value": value}}}

    def _points_write(self, variables: Variables) -> dict[str, Any]:
        (given,) = variables["metafields"]
        customer = self.shop.customers.get(number_of(given["ownerId"]))
        if customer is None:
            return _refused("Owner does not exist", "INVALID", "ownerId")
        if not re.fullmatch(r"-?\d+", given["value"]):
            return _refused("Value must be an integer", "INVALID_VALUE", "value")
        self.shop.set_metafield(customer, metafield_name(given), given["value"])
        done = {"metafields": [{"value": given["value"]}], "userErrors": []}
        return {"metafieldsSet": done}

    def _check(self, _variables: Variables) -> dict[str, Any]:
        return {
            "shop": {"currencyCode": self.shop.currency, "myshopifyDomain": self.domain},
            "currentAppInstallation": {"accessScopes": [{"handle": one} for one in self.scopes]},
            "webhookSubscriptions": {
                "nodes": [{"topic": topic, "uri": uri} for topic, uri in self.topics.items()]
            },
        }

    def _subscribe(self, variables: Variables) -> dict[str, Any]:
        topic, uri = variables["topic"], variables["subscription"]["uri"]
        errors = []
        if self.topics.get(topic) == uri:
            taken = "Address for this topic has already been taken"
            errors = [{"field": ["webhookSubscription", "callbackUrl"], "message": taken}]
        self.topics[topic] = uri
        made = None if errors else {"topic": topic, "uri": uri}
        done = {"webhookSubscription": made, "userErrors": errors}
        return {"webhookSubscriptionCreate": done}

    def _changed(self, things: Iterable[D], variables: Variables) -> tuple[list[D], dict[str, Any]]:
        return _changed(things, variables, self._most(variables["first"]))

    def _most(self, asked: int) -> int:
        return asked if self.page_size is None else min(asked, self.page_size)


def metafield_name(given: Variables) -> tuple[str, str]:
    """Namespace and key; without a namespace it is the app's own."""
    return given.get("namespace") or "app--1", given["key"]


def _refused(message: str, code: str, field: str) -> dict[str, Any]:
    error = {"field": ["metafields", "0", field], "message": message, "code": code}
    return {"metafieldsSet": {"metafields": [], "userErrors": [error]}}


def _changed(
    things: Iterable[D], variables: Variables, size: int
) -> tuple[list[D], dict[str, Any]]:
    """A page by (updated_at, id) after the cursor, as Shopify's cursors work."""
    since, until = _window(variables["filter"])
    within = [one for one in things if since <= one.updated_at < until]
    after = _cursor_read(variables["after"])
    rest = sorted((one for one in within if _rank(one) > after), key=_rank)
    page = rest[:size]
    info = {
        "hasNextPage": len(rest) > len(page),
        "endCursor": _cursor(_rank(page[-1])) if page else None,
    }
    return page, info


def _window(text: str) -> tuple[datetime, datetime]:
    match = _FILTER.search(text)
    if match is None:
        raise ValueError("the twin does not understand this filter")
    since, until = (datetime.fromisoformat(moment) for moment in match.groups())
    return since, until


def _rank(one: D) -> tuple[str, int]:
    return _z(one.updated_at), one.id


def _cursor(rank: tuple[str, int]) -> str:
    return base64.b64encode(f"{rank[0]}|{rank[1]}".encode()).decode()


def _cursor_read(cursor: str | None) -> tuple[str, int]:
    if cursor is None:
        return "", 0
    at, _, id = base64.b64decode(cursor).decode().partition("|")
    return at, int(id)


def _order(order: TwinOrder, size: int) -> dict[str, Any]:
    shopper, place = order.customer, order.location_id
    return {
        "legacyResourceId": str(order.id),
        "name": f"#{order.number}",
        "createdAt": _z(order.created_at),
        "processedAt": _z(order.created_at),
        "updatedAt": _z(order.updated_at),
        "cancelledAt": _z(order.cancelled_at) if order.cancelled_at else None,
        "displayFinancialStatus": order.financial_status.upper(),
        "displayFulfillmentStatus": (order.fulfillment_status or "unfulfilled").upper(),
        "currencyCode": "JPY",
        "taxesIncluded": order.taxes_included,
        "test": order.test,
        "email": shopper.email if shopper else None,
        "phone": None,
        "retailLocation": {"legacyResourceId": str(place)} if place else None,
        "sourceName": order.source_name,
        "sourceIdentifier": order.source_identifier,
        "customer": {"legacyResourceId": str(shopper.id)} if shopper else None,
        "customAttributes": [{"key": key, "value": one} for key, one in order.attributes.items()],
        "totalShippingPriceSet": _money(order.shipping),
        "lineItems": _lines(order, None, size),
        "refunds": [{"id": f"gid://shopify/Refund/{refund.id}"} for refund in order.refunds],
    }


def _lines(order: TwinOrder, after: str | None, size: int) -> dict[str, Any]:
    start = int(after or 0)
    end = start + size
    return {
        "pageInfo": _page_info(end, len(order.lines)),
        "nodes": [_line(order, line) for line in order.lines[start:end]],
    }


def _line(order: TwinOrder, line: TwinLine) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/LineItem/{line.id}",
        "title": line.item.title,
        "sku": line.item.sku,
        "quantity": line.quantity,
        "currentQuantity": order.current(line),
        "isGiftCard": line.gift_card,
        "originalUnitPriceSet": _money(line.price),
        "discountAllocations": _discounts(line),
        "taxLines": [{"title": "消費税", "rate": line.item.tax_rate / 10_000}],
    }


def _discounts(line: TwinLine) -> list[dict[str, Any]]:
    code, title = "DiscountCodeApplication", "ManualDiscountApplication"
    found: list[tuple[int, dict[str, str]]] = [
        *((less, {"__typename": "AutomaticDiscountApplication"}) for less in line.discounts),
        *((less, {"__typename": code, "code": one}) for one, less in line.by_code.items()),
        *((less, {"__typename": title, "title": one}) for one, less in line.by_title.items()),
    ]
    return [
        {"allocatedAmountSet": _money(less), "discountApplication": {**one, "index": index}}
        for index, (less, one) in enumerate(found)
    ]


def _refund(refund: TwinRefund, after: str | None, size: int) -> dict[str, Any]:
    shipping = {"subtotalAmountSet": _money(refund.shipping), "taxAmountSet": _money(0)}
    money = {"kind": "REFUND", "status": "SUCCESS", "amountSet": _money(refund.money)}
    return {
        "refundLineItems": _refund_lines(refund, after, size),
        "refundShippingLines": _whole([shipping] if refund.shipping else []),
        "duties": [],
        "transactions": _whole([money] if refund.money else []),
    }


def _edges(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"edges": [{"node": node} for node in nodes]}


def _whole(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": nodes}


def _refund_lines(refund: TwinRefund, after: str | None, size: int) -> dict[str, Any]:
    start = int(after or 0)
    end = start + size
    return {
        "pageInfo": _page_info(end, len(refund.lines)),
        "nodes": [_refund_line(part) for part in refund.lines[start:end]],
    }


def _refund_line(part: TwinRefundLine) -> dict[str, Any]:
    return {
        "lineItem": {"id": f"gid://shopify/LineItem/{part.line_id}"},
        "quantity": part.quantity,
        "subtotalSet": _money(part.subtotal),
        "totalTaxSet": _money(part.tax),
    }


def _page_info(end: int, total: int) -> dict[str, Any]:
    return {"hasNextPage": total > end, "endCursor": str(min(end, total)) if total else None}


def _customer(one: TwinCustomer) -> dict[str, Any]:
    return {
        "legacyResourceId": str(one.id),
        "firstName": one.given_name,
        "lastName": one.family_name,
        "updatedAt": _z(one.updated_at),
        "verifiedEmail": one.verified_email,
        "defaultEmailAddress": {"emailAddress": one.email} if one.email else None,
        "defaultPhoneNumber": {"phoneNumber": one.phone} if one.phone else None,
    }


def _money(yen: int) -> dict[str, Any]:
    # Shopify writes yen with a decimal point here, though never a fraction.
    return {"shopMoney": {"amount": f"{yen}.0"}}


def _z(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
