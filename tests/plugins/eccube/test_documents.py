"""Every document that the plugin can send, against EC-CUBE's own schema and ours."""

from importlib.resources import files
from pathlib import Path

import pytest
from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    extend_schema,
    parse,
    validate,
    visit,
)

from renkei_eccube import documents
from renkei_eccube.documents import Document
from renkei_eccube.twin_graphql import schema

VENDORS = build_schema((Path(__file__).parent / "schema" / "schema.graphql").read_text("utf-8"))
COMPANION = files("renkei_eccube").joinpath("companion.graphql").read_text("utf-8")

DOCUMENTS = {name: one for name, one in vars(documents).items() if isinstance(one, Document)}
OF_COMPANION = {"SET_POINTS", "POINT_RULES"}
OURS = {
    name: kind
    for name, kind in schema(companion=True).type_map.items()
    if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_fits_the_vendors_schema(name: str) -> None:
    known = extend_schema(VENDORS, parse(COMPANION)) if name in OF_COMPANION else VENDORS
    assert validate(known, parse(DOCUMENTS[name].text)) == []


@pytest.mark.parametrize("name", sorted(OF_COMPANION))
def test_without_the_companion_the_shop_does_not_know_its_documents(name: str) -> None:
    for known in (VENDORS, schema(companion=False)):
        assert validate(known, parse(DOCUMENTS[name].text))


@pytest.mark.parametrize("name", [name for name in OURS if not name.startswith("Renkei")])
def test_what_our_schema_says_the_vendors_says_too(name: str) -> None:
    theirs = VENDORS.type_map[name]
    assert isinstance(theirs, GraphQLObjectType)
    for field, ours in OURS[name].fields.items():
        if field.startswith("renkei"):
            continue
        other = theirs.fields[field]
        assert str(ours.type) == str(other.type), field
        for argument, told in ours.args.items():
            known = other.args[argument]
            assert (str(told.type), told.default_value) == (str(known.type), known.default_value)
    # An argument that is needed must not be left out.
    needed = {
        (field, argument)
        for field in OURS[name].fields.keys() & theirs.fields.keys()
        for argument, known in theirs.fields[field].args.items()
        if str(known.type).endswith("!")
    }
    assert all(argument in OURS[name].fields[field].args for field, argument in needed)


def test_no_field_is_there_that_nobody_asks_for() -> None:
    asked: set[tuple[str, str]] = set()
    for document in DOCUMENTS.values():
        info = TypeInfo(schema(companion=True))
        visit(parse(document.text), TypeInfoVisitor(info, Asked(info, asked)))
    idle = [
        f"{name}.{field}"
        for name, kind in OURS.items()
        for field in kind.fields
        if (name, field) not in asked
    ]
    # The companion says what it holds, for a person who asks.
    assert idle == ["RenkeiShownBalance.version"]


class Asked(Visitor):
    """Writes down each field that a document asks for, with its type."""

    def __init__(self, info: TypeInfo, asked: set[tuple[str, str]]) -> None:
        super().__init__()
        self._info, self._asked = info, asked

    def enter_field(self, node: object, *_: object) -> None:
        kind = self._info.get_parent_type()
        self._asked.add((str(kind), getattr(node, "name").value))  # noqa: B009 - any node


def test_the_vendors_schema_is_the_one_that_was_published() -> None:
    assert isinstance(VENDORS, GraphQLSchema)
    mutation = VENDORS.mutation_type
    assert mutation is not None
    assert set(mutation.fields) == {"updateProductStock", "updateShipped"}
