"""Our two schemas: documents and deliveries fit, each field names its source, and none is idle."""

import json
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    parse,
    validate,
    visit,
)

from renkei_contracts.twin.emitter import Outgoing
from renkei_vendure import documents
from renkei_vendure.documents import Document
from renkei_vendure.twin_graphql import schema
from renkei_vendure.twin_schema import delivery_problem

PAYLOADS = Path(__file__).parent / "payloads"

DOCUMENTS = [
    *(one for one in vars(documents).values() if isinstance(one, Document)),
    documents.points_read("hubPoints"),
    documents.points_write("hubPoints"),
]
OURS = {name: kind for name, kind in schema().type_map.items() if not name.startswith("__")}
UNASKED = {"InvalidCredentialsError", "NativeAuthStrategyError", "EmailAddressConflictError"}
"""Results of which only the name is asked."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.name)
def test_a_document_fits(document: Document) -> None:
    assert validate(schema(), parse(document.text)) == []


def test_every_field_names_its_source() -> None:
    silent = [
        f"{name}.{field}"
        for name, kind in OURS.items()
        for field, described in members(kind).items()
        if "Source: " not in (described.description or "")
    ]
    assert silent == []


def members(kind: object) -> dict[str, object]:
    if isinstance(kind, GraphQLEnumType):
        return kind.values
    has_fields = GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType
    return kind.fields if isinstance(kind, has_fields) else {}


def test_no_field_is_there_that_nobody_asks_for() -> None:
    asked: set[tuple[str, str]] = set()
    for document in DOCUMENTS:
        info = TypeInfo(schema())
        visit(parse(document.text), TypeInfoVisitor(info, Asked(info, asked)))
    idle = [
        f"{name}.{field}"
        for name, kind in OURS.items()
        if isinstance(kind, GraphQLObjectType) and name not in UNASKED
        for field in kind.fields
        if not any((one, field) in asked for one in [name, *map(str, kind.interfaces)])
    ]
    assert idle == []


class Asked(Visitor):
    """Writes down each field that a document asks for, with its type."""

    def __init__(self, info: TypeInfo, asked: set[tuple[str, str]]) -> None:
        super().__init__()
        self._info, self._asked = info, asked

    def enter_field(self, node: object, *_: object) -> None:
        kind = self._info.get_parent_type()
        self._asked.add((str(kind), getattr(node, "name").value))  # noqa: B009 - any node


@pytest.mark.parametrize("file", sorted(PAYLOADS.glob("webhook-*.json")), ids=lambda one: one.stem)
def test_what_the_real_shop_posted_fits(file: Path) -> None:
    sent = json.loads(file.read_text("utf-8"))
    assert delivery_problem(Outgoing(sent["headers"], sent["body"].encode())) is None


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-renkei-signature": "sha256=short"}, {}),
        ({"x-renkei-timestamp": "now"}, {}),
        ({}, {"event": "stock.moved"}),
        ({}, {"id": 1}),
        ({}, {"createdAt": "2026-11-26T15:05:40Z"}),
        ({}, {"yen": 1080}),
    ],
)
def test_anything_else_does_not(headers: dict[str, str], body: dict[str, object]) -> None:
    sent = json.loads((PAYLOADS / "webhook-refund.created.json").read_text("utf-8"))
    changed = json.dumps(json.loads(sent["body"]) | body).encode()
    assert delivery_problem(Outgoing(sent["headers"] | headers, changed)) is not None


def test_a_list_is_sorted_by_one_field() -> None:
    for document in (documents.ORDERS, documents.CUSTOMERS):
        assert document.text.count("ASC") == 1
