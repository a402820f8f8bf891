"""The twin's Web API: every document is checked and run against our wire schema.

What is refused, and with which category, is from ApiController, ScopeValidationRule and
GraphQL/Error of eccube-api4 (6ce2dab8); the messages of GraphQL itself are graphql-core's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from renkei_contracts.twin.schema_log import SchemaLog
from renkei_eccube.client import REFUSED, UNKNOWN_FIELD
from renkei_eccube.twin_rows import Row, moment, product_class
from renkei_eccube.twin_shop import TwinShop

Info = GraphQLResolveInfo

INTERNAL = "internal"


@dataclass(frozen=True)
class Asked:
    """One call: the shop, what the token is good for, and what has been compared."""

    shop: TwinShop
    log: SchemaLog
    scopes: frozenset[str]
    companion: bool


def run(asked: Asked, query: object, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the answer; what does not fit the schema is put in the log."""
    document, errors = _read(query if isinstance(query, str) else "", asked.companion)
    refused = errors or _scope_errors(document, asked.scopes)
    if refused:
        # A scope that is missing is no fault of the document's.
        asked.log.request("a document does not fit" if errors else None)
        asked.log.answer(None)
        return {"errors": [_told(error) for error in refused]}
    done = execute_sync(
        schema(companion=asked.companion),
        document,
        context_value=asked,
        variable_values=dict(variables),
    )
    wrong = [one for one in done.errors or () if "category" not in (one.extensions or {})]
    unfit = bool(wrong) and wrong[0].path is None
    asked.log.request("the variables of a document do not fit" if unfit else None)
    asked.log.answer(f"{wrong[0].path} does not fit" if wrong and not unfit else None)
    if not done.errors:
        return dict(done.formatted)
    return {"errors": [_told(one) for one in done.errors], "data": done.data}


@lru_cache(maxsize=100)
def _read(query: str, companion: bool) -> tuple[DocumentNode, Sequence[GraphQLError]]:
    try:
        document = parse(query)
    except GraphQLError as error:
        return DocumentNode(), [error]
    return document, validate(schema(companion=companion), document)


def _scope_errors(document: DocumentNode, scopes: frozenset[str]) -> Sequence[GraphQLError]:
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if any(one.operation is OperationType.MUTATION for one in operations):
        if scopes != {"read", "write"}:
            return [GraphQLError("Insufficient permission. (read,write)")]
    elif "read" not in scopes:
        return [GraphQLError("Insufficient permission. (read)")]
    return ()


def _told(error: GraphQLError) -> dict[str, Any]:
    category = (error.extensions or {}).get("category", UNKNOWN_FIELD)
    return {**error.formatted, "extensions": {"category": category}}


def refusal(message: str, category: str = REFUSED) -> GraphQLError:
    """An error that EC-CUBE would answer, too."""
    return GraphQLError(message, extensions={"category": category})


@cache
def schema(*, companion: bool) -> GraphQLSchema:
    """Our wire schema, with or without the companion, ready to run documents on a twin."""
    texts = ["wire_schema.graphql", *(["companion.graphql"] if companion else [])]
    sdl = "\n".join(files("renkei_eccube").joinpath(one).read_text("utf-8") for one in texts)
    built = build_schema(sdl)
    scalar = built.type_map["DateTime"]
    assert isinstance(scalar, GraphQLScalarType)
    scalar.coerce_output_value, scalar.coerce_input_value = _moment, datetime.fromisoformat
    for kind, resolvers in {"Query": QUERIES, "Mutation": MUTATIONS}.items():
        root = built.type_map[kind]
        assert isinstance(root, GraphQLObjectType)
        for name, resolver in resolvers.items():
            if name in root.fields:
                root.fields[name].resolve = resolver
    return built


def _moment(value: Any) -> str:
    if not isinstance(value, datetime):
        raise GraphQLError("is no moment")
    return moment(value)


# ------------------------------------------------------------------------------- resolvers


def _order(_root: Any, info: Info, id: str) -> Row | None:
    shop: TwinShop = info.context.shop
    return shop.shown.orders.get(_number(id))


def _orders(_root: Any, info: Info, **asked: Any) -> Row:
    rows = info.context.shop.shown.orders.values()
    bought = [row for row in rows if row["OrderStatus"]["id"] not in ("7", "8")]
    return _page(bought, asked)


def _customer(_root: Any, info: Info, id: str) -> Row | None:
    shop: TwinShop = info.context.shop
    return shop.shown.customers.get(_number(id))


def _customers(_root: Any, info: Info, customer_status: list[str], **asked: Any) -> Row:
    rows = info.context.shop.shown.customers.values()
    return _page([row for row in rows if row["Status"]["id"] in customer_status], asked)


def _products(
    _root: Any, info: Info, status: list[str], id: str | None = None, **asked: Any
) -> Row:
    rows = list(info.context.shop.shown.products.values())
    if id:
        rows = [row for row in rows if id in row["name"] or id in row["ProductClasses"][0]["code"]]
    return _page(rows, asked)


def _page(rows: list[Row], asked: Mapping[str, Any]) -> Row:
    """Newest change first, whatever one asks for; a page beyond the last is empty."""
    start, end = asked.get("update_datetime_start"), asked.get("update_datetime_end")
    found = [
        row
        for row in rows
        if (start is None or row["update_date"] >= start)
        and (end is None or row["update_date"] < end)
    ]
    found.sort(key=lambda row: (row["update_date"], row["id"]), reverse=True)
    page, limit = asked["page"], asked["limit"]
    if page < 1 or limit < 1:
        raise refusal("page: 0より大きい値でなければなりません。;")
    return {"nodes": found[(page - 1) * limit : page * limit], "totalCount": len(found)}


def _number(id: str) -> int:
    """The number of an id; another text is an error in the database."""
    if not (id.isascii() and id.isdigit() and int(id) < 2**31):
        raise refusal("Internal server error", INTERNAL)
    return int(id)


def _set_stock(
    _root: Any, info: Info, code: str, stock_unlimited: bool, stock: int | None = None
) -> Row:
    shop: TwinShop = info.context.shop
    found = [one for one in shop.products.values() if one.item.sku == code]
    if not found:
        raise refusal("code: No ProductClass found;")
    if stock_unlimited is (stock is not None):
        raise refusal("stock: stock is required when stock limited;")
    if stock is not None and stock < 0:
        raise refusal("stock: stock must be a positive integer;")
    shop.set_stock(found[0], stock)
    return product_class(found[0])


# ------------------------------------------------------------------- our companion's own


def _set_points(_root: Any, info: Info, customer_id: str, points: int, version: str) -> Row:
    shop: TwinShop = info.context.shop
    customer = shop.customers.get(_number(customer_id))
    if customer is None or customer.status == "3":
        raise refusal("customer_id: No Customer found;")
    if points < 0:
        raise refusal("points: points must not be negative;")
    applied = shop.show_points(customer, points, version)
    return {
        "customer_id": customer.id,
        "points": customer.point,
        "version": customer.version,
        "applied": applied,
    }


def _point_rules(_root: Any, info: Info) -> Row:
    rules = info.context.shop.rules
    return {
        "option_point": rules.on,
        "basic_point_rate": rules.rate,
        "point_conversion_rate": rules.yen,
    }


QUERIES: dict[str, Callable[..., Any]] = {
    "order": _order,
    "orders": _orders,
    "customer": _customer,
    "customers": _customers,
    "products": _products,
    "renkeiPointRules": _point_rules,
}

MUTATIONS: dict[str, Callable[..., Any]] = {
    "updateProductStock": _set_stock,
    "renkeiSetPoints": _set_points,
}
