"""Every document, and the part of the schema that the twin checks by, against the whole."""

import importlib.util
from importlib.resources import files
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    find_breaking_changes,
    parse,
    validate,
)

from renkei_shopify import documents, topics
from renkei_shopify.twin_schema import graphql

PAGE = {"filter": "", "first": 10, "after": None}
EXAMPLES: dict[str, dict[str, object]] = {
    "RenkeiOrder": {"id": "1"},
    "RenkeiOrderLines": {"id": "1", "after": None},
    "RenkeiRefund": {"id": "1", "after": None},
    "RenkeiOrdersChanged": PAGE,
    "RenkeiOrdersExport": {},
    "RenkeiExportBegin": {"query": "{ shop { currencyCode } }"},
    "RenkeiExport": {"id": "1"},
    "RenkeiCustomer": {"id": "1"},
    "RenkeiCustomersChanged": PAGE,
    "RenkeiPointsRead": {"id": "1", "key": "points"},
    "RenkeiPointsWrite": {"metafields": [{"ownerId": "1", "key": "points", "value": "1"}]},
    "RenkeiCoupon": {"code": "A"},
    "RenkeiCouponIssue": {"discount": {"code": "A", "context": {"all": "ALL"}}},
    "RenkeiCouponRevoke": {"id": "1"},
    "RenkeiStockItems": {"filter": "sku:'A'"},
    "RenkeiStockLevels": {"id": "1", "after": None},
    "RenkeiStockSet": {
        "input": {"name": "available", "reason": "correction", "quantities": []},
        "key": "1",
    },
    "RenkeiConnectionCheck": {},
    "RenkeiSubscribe": {"topic": "ORDERS_PAID", "subscription": {"uri": "https://a.example"}},
}


@pytest.mark.parametrize("document", documents.ALL, ids=lambda document: document.name)
def test_a_document_is_valid(schema: GraphQLSchema, document: documents.Document) -> None:
    assert validate(schema, parse(document.text)) == []


@pytest.mark.parametrize("document", documents.ALL, ids=lambda document: document.name)
def test_a_document_holds_the_one_operation_it_is_named_after(
    document: documents.Document,
) -> None:
    (operation,) = parse(document.text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert operation.name is not None
    assert operation.name.value == document.name


def test_no_document_is_forgotten_in_the_list() -> None:
    defined = {one for one in vars(documents).values() if isinstance(one, documents.Document)}
    assert defined == set(documents.ALL)


def test_the_topics_we_check_for_exist(schema: GraphQLSchema) -> None:
    known = schema.type_map["WebhookSubscriptionTopic"]
    assert isinstance(known, GraphQLEnumType)
    assert set(topics.NEEDED) <= topics.KNOWN <= set(known.values)


def test_the_twins_schema_is_what_the_documents_ask_for(schema: GraphQLSchema) -> None:
    file = Path(__file__).parent / "schema" / "take_part.py"
    spec = importlib.util.spec_from_file_location("take_part", file)
    assert spec is not None
    assert spec.loader is not None
    taking = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(taking)
    told = f"run python {file}"
    assert taking.PART.read_text(encoding="utf-8") == taking.part_of(schema), told


def test_the_twins_schema_is_a_part_of_shopifys(schema: GraphQLSchema) -> None:
    file = files("renkei_shopify") / "schema" / "admin_2026-07.graphql"
    part = build_schema(file.read_text(encoding="utf-8"))
    missing = find_breaking_changes(part, schema)
    # Where a directive may stand is graphql-core's own statement, not the part's.
    assert [one for one in missing if "DIRECTIVE" not in one.type.name] == []


@pytest.mark.parametrize("document", documents.ALL, ids=lambda document: document.name)
def test_the_twin_knows_every_document(document: documents.Document) -> None:
    assert graphql().request_problem(document.text, EXAMPLES[document.name]) is None
