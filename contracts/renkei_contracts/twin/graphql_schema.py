"""A vendor's GraphQL schema: what is wrong with a document, its variables, or the answer to it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from graphql import DocumentNode, build_schema, execute_sync, parse, validate
from graphql import GraphQLResolveInfo as ResolveInfo
from graphql.error import GraphQLError
from graphql.execution.values import get_variable_values
from graphql.language import OperationDefinitionNode


class GraphqlSchema:
    """A GraphQL schema, from its SDL."""

    def __init__(self, sdl: str) -> None:
        self._schema = build_schema(sdl)
        # A plugin sends few documents, and each many times.
        self._valid = lru_cache(maxsize=100)(self._checked)

    def request_problem(
        self, document: str, variables: Mapping[str, Any], operation: str | None = None
    ) -> str | None:
        """What is wrong with a document and its variables, or None."""
        parsed = self._valid(document)
        if isinstance(parsed, str):
            return parsed
        chosen = _operation(parsed, operation)
        if chosen is None:
            return "the document has no such operation"
        values = get_variable_values(
            self._schema, list(chosen.variable_definitions or ()), dict(variables)
        )
        return values[0].message if isinstance(values, list) else None

    def answer_problem(
        self,
        document: str,
        variables: Mapping[str, Any],
        data: Mapping[str, Any] | None,
        operation: str | None = None,
    ) -> str | None:
        """What is wrong with the data answered to a document that has no problem, or None."""
        parsed = self._valid(document)
        if isinstance(parsed, str):
            return parsed
        done = execute_sync(
            self._schema,
            parsed,
            data,
            variable_values=dict(variables),
            operation_name=operation,
            field_resolver=_as_answered,
            type_resolver=lambda value, *_: value.get("__typename"),
        )
        if done.errors:
            where = "/".join(map(str, done.errors[0].path or ()))
            return f"{where}: {done.errors[0].message}"
        return None if done.data == data else "the answer holds more or other values than asked for"

    def _checked(self, document: str) -> DocumentNode | str:
        """The document, or what is wrong with it."""
        try:
            parsed = parse(document)
        except GraphQLError as error:
            return error.message
        errors = validate(self._schema, parsed)
        return errors[0].message if errors else parsed


def _as_answered(source: Mapping[str, Any], info: ResolveInfo[Any], **_: Any) -> object:
    """The field as the answer has it, under its alias."""
    key = str(info.path.key)
    if key not in source:
        raise GraphQLError("is missing in the answer")
    return source[key]


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    named = [one for one in operations if name is None or (one.name and one.name.value == name)]
    return named[0] if named else None
