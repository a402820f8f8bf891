"""The part of Shopify's schema that the plugin's documents use, as text.

usage: python tests/plugins/shopify/schema/take_part.py

Writes ``renkei_shopify/schema/admin_2026-07.graphql`` anew, from the whole schema beside this file.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_client_schema,
    get_named_type,
    is_specified_scalar_type,
    parse,
    visit,
)

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
PART = ROOT / "plugins/shopify/renkei_shopify/schema/admin_2026-07.graphql"
HEAD = """\
# Part of Shopify's Admin GraphQL schema 2026-07: what this plugin asks for. See SOURCE.md.

schema {
  query: QueryRoot
  mutation: Mutation
}
"""
TOPICS = "WebhookSubscriptionTopic"

Fielded = GraphQLObjectType | GraphQLInterfaceType


def whole_schema() -> GraphQLSchema:
    """Shopify's Admin schema 2026-07 (SOURCE.md)."""
    with gzip.open(HERE / "admin_2026-07.json.gz") as file:
        # Its own deprecations contradict each other in six places, which graphql-core refuses.
        return build_client_schema(json.load(file)["data"], assume_valid=True)


class Part(Visitor):
    """Collects what documents select: fields by type, and every type these need."""

    def __init__(self, schema: GraphQLSchema) -> None:
        super().__init__()
        self._schema = schema
        self._info = TypeInfo(schema)
        self.fields: dict[str, set[str]] = defaultdict(set)
        self.types: dict[str, GraphQLNamedType] = {}
        self.directives: set[str] = set()

    def take(self, documents: Iterable[str]) -> None:
        """Add what these documents use."""
        for text in documents:
            visit(parse(text), TypeInfoVisitor(self._info, self))

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """One field with its arguments and its type."""
        parent, field = self._info.get_parent_type(), self._info.get_field_def()
        assert parent is not None, node.name.value
        assert field is not None, node.name.value
        self._need(parent)
        self._need(get_named_type(field.type))
        for argument in field.args.values():
            self._need(get_named_type(argument.type))
        if node.name.value != "__typename":
            self.fields[parent.name].add(node.name.value)

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        """A directive on a field."""
        self.directives.add(node.name.value)

    def _need(self, type: GraphQLNamedType) -> None:
        if type.name in self.types or is_specified_scalar_type(type):
            return
        self.types[type.name] = type
        if isinstance(type, GraphQLInputObjectType):
            for field in type.fields.values():
                self._need(get_named_type(field.type))

    def text(self, topics: set[str]) -> str:
        """The part as SDL; of the webhook topics only these."""
        self._complete()
        blocks = [self._block(self.types[name], topics) for name in sorted(self.types)]
        return "\n".join([HEAD, *map(self._directive, sorted(self.directives)), *blocks])

    def _directive(self, name: str) -> str:
        directive = self._schema.get_directive(name)
        assert directive is not None
        given = ", ".join(_argument(*one) for one in sorted(directive.args.items()))
        places = " | ".join(sorted(place.name for place in directive.locations))
        return f"directive @{name}({given}) on {places}\n"

    def _complete(self) -> None:
        """What implements a selected interface has the fields selected on it."""
        for interface in list(self.types.values()):
            if isinstance(interface, GraphQLInterfaceType):
                for type in self._schema.get_possible_types(interface):
                    self._need(type)
                    self.fields[type.name] |= self.fields[interface.name]

    def _block(self, type: GraphQLNamedType, topics: set[str]) -> str:
        if isinstance(type, GraphQLScalarType):
            return f"scalar {type.name}\n"
        if isinstance(type, GraphQLUnionType):
            members = sorted(one.name for one in type.types if one.name in self.types)
            return f"union {type.name} = {' | '.join(members)}\n"
        if isinstance(type, GraphQLEnumType):
            lines = [one for one in sorted(type.values) if type.name != TOPICS or one in topics]
            return _braced(f"enum {type.name}", lines)
        if isinstance(type, GraphQLInputObjectType):
            lines = [_argument(name, one) for name, one in sorted(type.fields.items())]
            once = " @oneOf" if type.is_one_of else ""
            return _braced(f"input {type.name}{once}", lines)
        assert isinstance(type, Fielded)
        return self._fielded(type)

    def _fielded(self, type: Fielded) -> str:
        kind = "type" if isinstance(type, GraphQLObjectType) else "interface"
        named = [one.name for one in type.interfaces if one.name in self.types]
        of = f" implements {' & '.join(sorted(named))}" if named else ""
        lines = []
        for name in sorted(self.fields[type.name]):
            field = type.fields[name]
            given = ", ".join(_argument(*one) for one in sorted(field.args.items()))
            lines.append(f"{name}{f'({given})' if given else ''}: {field.type}")
        return _braced(f"{kind} {type.name}{of}", lines)


def _argument(name: str, one: GraphQLArgument | Any) -> str:
    return f"{name}: {one.type}"


def _braced(head: str, lines: Iterable[str]) -> str:
    return "\n".join([f"{head} {{", *(f"  {line}" for line in lines), "}"]) + "\n"


def part_of(schema: GraphQLSchema) -> str:
    """The part that this version of the plugin uses."""
    from renkei_shopify import documents
    from renkei_shopify.topics import KNOWN

    part = Part(schema)
    part.take(document.text for document in documents.ALL)
    return part.text(set(KNOWN))


if __name__ == "__main__":
    PART.write_text(part_of(whole_schema()), encoding="utf-8")
