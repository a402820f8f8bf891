"""The twin's Admin API: every document is checked and run against our wire schema.

So a document that the schema does not know is refused as Vendure refuses it, and an answer that
the schema does not allow never leaves the twin. What is refused, and in which words, is from
Vendure 3.7.3 (tests/plugins/vendure/payloads/README.md).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLSyntaxError,
    execute_sync,
    parse,
    validate,
)

from renkei_contracts.twin.schema_log import SchemaLog
from renkei_vendure import twin_wire
from renkei_vendure.check import PERMISSIONS
from renkei_vendure.twin_lists import TooMany, page
from renkei_vendure.twin_schema import wire_schema
from renkei_vendure.twin_shop import TwinShop

ALLOWED = ("Authenticated", "ReadCatalog", *PERMISSIONS)

Answer = tuple[int, dict[str, Any]]
LogIn = Callable[[str, str], bool]


@dataclass
class Asked:
    """One call: the shop, what the caller may do there, and how one logs in.

    ``entered`` is whether the caller has just logged in.
    """

    shop: TwinShop
    log_in: LogIn
    log: SchemaLog
    permissions: tuple[str, ...] = ()
    page_size: int | None = None
    entered: bool = False

    def may(self, permission: str) -> None:
        """Refuse a caller who may not."""
        if permission not in self.permissions:
            raise refusal("You are not currently authorized to perform this action", "FORBIDDEN")


def refusal(message: str, code: str) -> GraphQLError:
    """An error that Vendure would answer, too."""
    return GraphQLError(message, extensions={"code": code})


def run(asked: Asked, query: str, name: str | None, variables: Mapping[str, Any]) -> Answer:
    """The status and the body of the answer; what does not fit the schema is put in the log.

    An answer of the twin itself that does not fit is held back: its status is 500.
    """
    document, errors, code = _read(query)
    if errors:
        return 400, _refused(asked, errors, code)
    done = execute_sync(
        schema(),
        document,
        context_value=asked,
        variable_values=dict(variables),
        operation_name=name,
    )
    wrong = [one for one in done.errors or () if "code" not in (one.extensions or {})]
    if wrong and wrong[0].path is None:
        return 200, _refused(asked, wrong, "BAD_USER_INPUT")
    asked.log.request(None)
    if not asked.log.answer(_problem(wrong)):
        return 500, {}
    return 200, dict(done.formatted)


@lru_cache(maxsize=100)
def _read(query: str) -> tuple[DocumentNode, Sequence[GraphQLError], str]:
    """The document, and what keeps it from being run, with Vendure's word for that."""
    try:
        document = parse(query)
    except GraphQLSyntaxError as error:
        return DocumentNode(), [error], "GRAPHQL_PARSE_FAILED"
    return document, validate(schema(), document), "GRAPHQL_VALIDATION_FAILED"


def _refused(asked: Asked, errors: Sequence[GraphQLError], code: str) -> dict[str, Any]:
    asked.log.request(f"a document or its variables do not fit ({code})")
    return {"errors": [{**one.formatted, "extensions": {"code": code}} for one in errors]}


def _problem(wrong: list[GraphQLError]) -> str | None:
    if not wrong:
        return None
    return f"{'/'.join(map(str, wrong[0].path or ()))} does not fit"


@cache
def schema() -> GraphQLSchema:
    """Our wire schema, ready to run documents on a twin."""
    built = wire_schema()
    for kind, resolvers in {"Query": QUERIES, "Mutation": MUTATIONS}.items():
        root = built.type_map[kind]
        assert isinstance(root, GraphQLObjectType)
        for name, resolver in resolvers.items():
            root.fields[name].resolve = resolver
    return built


# ------------------------------------------------------------------------------- resolvers

Info = GraphQLResolveInfo


def _me(_root: Any, info: Info) -> dict[str, Any]:
    asked: Asked = info.context
    asked.may("Authenticated")
    return {"channels": [{"id": "1", "permissions": asked.permissions}]}


def _active_channel(_root: Any, info: Info) -> dict[str, Any]:
    info.context.may("Authenticated")
    return {"id": "1", "defaultCurrencyCode": "JPY"}


def _global_settings(_root: Any, info: Info) -> dict[str, Any]:
    asked: Asked = info.context
    asked.may("Authenticated")
    field = {"__typename": "IntCustomFieldConfig", "name": "hubPoints", "type": "int"}
    config = {
        "moneyStrategyPrecision": asked.shop.precision,
        "entityCustomFields": [{"entityName": "Customer", "customFields": [field]}],
    }
    return {"serverConfig": config}


def _order(_root: Any, info: Info, id: str) -> dict[str, Any] | None:
    asked: Asked = info.context
    asked.may("ReadOrder")
    found = asked.shop.orders.get(_number(id))
    return None if found is None else twin_wire.order(found)


def _orders(_root: Any, info: Info, options: Any = None) -> dict[str, Any]:
    asked: Asked = info.context
    asked.may("ReadOrder")
    return _page(asked, [twin_wire.order(one) for one in asked.shop.orders.values()], options)


def _customer(_root: Any, info: Info, id: str) -> dict[str, Any] | None:
    asked: Asked = info.context
    asked.may("ReadCustomer")
    found = asked.shop.found(_number(id))
    return None if found is None else twin_wire.customer(found)


def _customers(_root: Any, info: Info, options: Any = None) -> dict[str, Any]:
    asked: Asked = info.context
    asked.may("ReadCustomer")
    there = [one for one in asked.shop.customers.values() if not one.deleted]
    return _page(asked, [twin_wire.customer(one) for one in there], options)


def _variants(_root: Any, info: Info) -> dict[str, Any]:
    asked: Asked = info.context
    asked.may("ReadCatalog")
    return {"items": [twin_wire.goods(item, asked.shop.unit) for item in asked.shop.goods]}


def _log_in(_root: Any, info: Info, username: str, password: str) -> dict[str, Any]:
    asked: Asked = info.context
    if asked.log_in(username, password):
        asked.entered = True
        channels = [{"id": "1", "permissions": ALLOWED}]
        return {"__typename": "CurrentUser", "channels": channels}
    return {
        "__typename": "InvalidCredentialsError",
        "errorCode": "INVALID_CREDENTIALS_ERROR",
        "message": "The provided credentials are invalid",
    }


def _update_customer(_root: Any, info: Info, input: Any) -> dict[str, Any]:
    asked: Asked = info.context
    asked.may("UpdateCustomer")
    customer = asked.shop.found(_number(input["id"]))
    if customer is None:
        text = f'No Customer with the id "{input["id"]}" could be found'
        raise refusal(text, "ENTITY_NOT_FOUND")
    if "hubPoints" in (fields := input.get("customFields") or {}):
        asked.shop.set_points(customer, fields["hubPoints"])
    return twin_wire.customer(customer)


def _page(asked: Asked, rows: list[dict[str, Any]], options: Any) -> dict[str, Any]:
    try:
        return page(rows, options or {}, asked.page_size)
    except TooMany as error:
        raise refusal(str(error), "USER_INPUT_ERROR") from error


def _number(id: str) -> int:
    """The number of an id; none of the shop's for another text."""
    return int(id) if id.isascii() and id.isdigit() else 0


QUERIES: dict[str, Callable[..., Any]] = {
    "me": _me,
    "activeChannel": _active_channel,
    "globalSettings": _global_settings,
    "order": _order,
    "orders": _orders,
    "customer": _customer,
    "customers": _customers,
    "productVariants": _variants,
}

MUTATIONS: dict[str, Callable[..., Any]] = {"login": _log_in, "updateCustomer": _update_customer}
