"""What plugin and twin may say to each other: Shopify's own schema, and ours for the rest."""

import json
from functools import cache
from importlib.resources import files

from renkei_contracts.twin.graphql_schema import GraphqlSchema
from renkei_contracts.twin.schema import JsonSchema

SOURCE = (
    "Shopify's Admin GraphQL schema 2026-07 (npm @shopify/dev-mcp 1.16.0); for tokens and webhooks "
    "wire.schema.json, our own extraction of 2026-11-26"
)

SHAPES = {
    "refunds/create": "refund",
    "orders/edited": "edit",
    "customers/delete": "deleted",
    "customers/merge": "merged",
}
"""What the body of a topic is; of other orders/* an order, of other customers/* a customer."""


@cache
def graphql() -> GraphqlSchema:
    """The part of Shopify's schema that this plugin uses (schema/SOURCE.md)."""
    file = files("renkei_shopify") / "schema" / "admin_2026-07.graphql"
    return GraphqlSchema(file.read_text(encoding="utf-8"))


@cache
def wire() -> JsonSchema:
    """Tokens and the bodies of webhooks, for which Shopify publishes no schema."""
    file = files("renkei_shopify") / "wire.schema.json"
    return JsonSchema(json.loads(file.read_text(encoding="utf-8")))


def delivery_problem(topic: str, body: object) -> str | None:
    """What is wrong with the body of a webhook, or None."""
    kind = "order" if topic.startswith("orders/") else "customer"
    return wire().problem(SHAPES.get(topic, kind), body)
