"""A bare GraphQL session with a Vendure API: one bearer token, errors raised."""

from __future__ import annotations

from typing import Any

import httpx

ERROR_RESULT = "__typename ... on ErrorResult { errorCode message }"
LOGIN = (
    "mutation($user: String!, $password: String!) {"
    f" login(username: $user, password: $password) {{ {ERROR_RESULT} }} }}"
)


class ShopError(RuntimeError):
    """Vendure answered that it did not do what was asked."""


class GraphQLSession:
    """Speaks to one API (``admin-api`` or ``shop-api``) as one user."""

    def __init__(self, client: httpx.AsyncClient, api: str) -> None:
        self._client = client
        self._api = api
        self._token: str | None = None

    async def log_in(self, user: str, password: str) -> None:
        """Log in; the session token comes back in a header of the answer."""
        await self.ask(LOGIN, user=user, password=password)

    async def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """Run a document and return its data; errors, also those in the data, are raised."""
        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        answer = await self._client.post(
            f"/{self._api}", json={"query": document, "variables": variables}, headers=headers
        )
        self._token = answer.headers.get("vendure-auth-token", self._token)
        body = answer.json()
        if body.get("errors"):
            raise ShopError(body["errors"][0]["message"])
        data: dict[str, Any] = body["data"]
        for result in data.values():
            if isinstance(result, dict) and "errorCode" in result:
                raise ShopError(f"{result['errorCode']}: {result['message']}")
        return data
