"""Every document against Shopify's own schema."""

import pytest
from graphql import GraphQLEnumType, GraphQLSchema, OperationDefinitionNode, parse, validate

from renkei_shopify import documents
from renkei_shopify.check import TOPICS


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
    topics = schema.type_map["WebhookSubscriptionTopic"]
    assert isinstance(topics, GraphQLEnumType)
    assert set(TOPICS) <= set(topics.values)
