"""The schema between plugin and twin: wrong calls and wrong answers are refused, both ways."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from renkei_contracts.twin.graphql_schema import GraphqlSchema
from renkei_contracts.twin.schema import Call, Checked, JsonSchema

SCHEMA = JsonSchema(
    {
        "$defs": {
            "Query": {"type": "object", "properties": {"of": {"pattern": "^[a-z]+$"}}},
            "Points": {"type": "object", "required": ["points"], "additionalProperties": False}
            | {"properties": {"points": {"type": "integer"}}},
        }
    }
)
CALLS = (
    Call("GET", "/people/{id}/points", query="Query", answer="Points"),
    Call("PUT", "/people/{id}/points", body="Points"),
)


def client(answer: object = None) -> tuple[httpx.AsyncClient, Checked]:
    async def take(request: Request) -> Response:
        return JSONResponse(answer or {"points": 1})

    app = Starlette(routes=[Route("/{path:path}", take, methods=["GET", "PUT"])])
    checked = Checked(app, SCHEMA, CALLS)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(checked), base_url="http://twin")
    return http, checked


async def test_what_fits_passes() -> None:
    http, checked = client()
    async with http:
        read = await http.get("/people/7/points?of=tea")
        written = await http.put("/people/7/points", json={"points": 2})
    assert (read.json(), written.status_code, checked.log.complaints) == ({"points": 1}, 200, [])


async def test_a_call_outside_the_schema_is_refused_by_the_place_and_not_by_its_value() -> None:
    http, checked = client()
    async with http:
        body = await http.put("/people/7/points", json={"points": "secret"})
        form = await http.put("/people/7/points", data={"points": "secret"})
        text = await http.put("/people/7/points", content=b"secret")
        query = await http.get("/people/7/points?of=SECRET")
    assert [one.status_code for one in (body, form, text, query)] == [400] * 4
    assert checked.log.complaints[0] == "Points/points breaks type"
    assert "secret" not in "".join(checked.log.complaints).lower()


async def test_an_answer_outside_the_schema_never_reaches_the_plugin() -> None:
    http, checked = client({"points": 1, "more": 2})
    async with http:
        assert (await http.get("/people/7/points")).status_code == 500
    assert checked.log.complaints == ["Points breaks additionalProperties"]


async def test_what_was_compared_is_counted() -> None:
    http, checked = client()
    async with http:
        await http.get("/people/7/points")
        await http.put("/people/7/points", content=b"nothing")
        await http.get("/not/named")
    assert (checked.log.requests, checked.log.answers, len(checked.log.complaints)) == (2, 1, 1)


async def test_a_call_that_the_schema_does_not_name_passes() -> None:
    http, checked = client({"anything": 1})
    async with http:
        assert (await http.get("/people/7")).status_code == 200
    assert checked.log.complaints == []


GRAPHQL = GraphqlSchema(
    """
    type Query { person(id: ID!): Person, things: [Thing!]! }
    type Person { name: String!, points: Int!, kind: Kind! }
    enum Kind { MEMBER GUEST }
    union Thing = Person
    """
)
DOCUMENT = "query P($id: ID!) { him: person(id: $id) { name points kind } }"
HIM = {"name": "山田", "points": 3, "kind": "MEMBER"}


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("query P { him", {}),
        ("query P($id: ID!) { person(id: $id) { age } }", {"id": "1"}),
        (DOCUMENT, {}),
        (DOCUMENT, {"id": ["1"]}),
    ],
)
def test_a_wrong_document_or_variable_is_named(document: str, variables: dict[str, object]) -> None:
    assert GRAPHQL.request_problem(document, variables)


def test_a_document_and_its_answer_that_fit_have_no_problem() -> None:
    assert GRAPHQL.request_problem(DOCUMENT, {"id": "1"}, "P") is None
    assert GRAPHQL.request_problem(DOCUMENT, {"id": "1"}, "Q")
    assert GRAPHQL.answer_problem(DOCUMENT, {"id": "1"}, {"him": HIM}) is None
    assert GRAPHQL.answer_problem(DOCUMENT, {"id": "1"}, {"him": None}) is None
    things = "{ things { __typename ... on Person { name } } }"
    told = {"things": [{"__typename": "Person", "name": "山田"}]}
    assert GRAPHQL.answer_problem(things, {}, told) is None


@pytest.mark.parametrize(
    "him",
    [
        {"name": "山田", "points": 3},
        HIM | {"points": "3"},
        HIM | {"name": None},
        HIM | {"kind": "OTHER"},
        HIM | {"more": 1},
    ],
)
def test_an_answer_that_the_schema_does_not_allow_is_named(him: dict[str, object]) -> None:
    assert GRAPHQL.answer_problem(DOCUMENT, {"id": "1"}, {"him": him})
