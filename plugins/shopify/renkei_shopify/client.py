"""Calling the Admin GraphQL API: tokens, the envelope of answers, and canonical errors."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from renkei_contracts.connection import Connection, Token
from renkei_contracts.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    PayloadInvalid,
    RateLimited,
    Rejected,
    Unavailable,
)
from renkei_contracts.toolkit.tokens import KeptTokens
from renkei_contracts.toolkit.transport import json_of, send
from renkei_contracts.toolkit.wire import parse
from renkei_shopify.documents import Document
from renkei_shopify.pace import pace_of
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.wire_graphql import Answer, Extensions, TokenAnswer

TOKEN_PATH = "/admin/oauth/access_token"  # noqa: S105 - a path, not a secret


class ShopifyClient:
    """Runs documents in one store."""

    def __init__(self, connection: Connection[ShopifySettings]) -> None:
        self._connection = connection
        self._settings = connection.settings
        self._tokens = KeptTokens(connection, self._fetch_token)

    async def run(
        self, document: Document, variables: Mapping[str, object], *, writes: bool = False
    ) -> dict[str, Any]:
        """The data of the answer; ``writes`` as in ``toolkit.transport.send``."""
        pace, now = pace_of(self._connection.http), self._connection.now
        await pace.turn(document.name, now())
        response = await self._authorized(document, variables, writes)
        answer = parse(Answer, json_of(response), document.name)
        pace.learn(document.name, answer.extensions.cost if answer.extensions else None, now())
        _raise_for_errors(answer, document.name, writes=writes)
        if answer.data is None:
            raise PayloadInvalid(f"{document.name}: the answer holds no data")
        return answer.data

    async def _authorized(
        self, document: Document, variables: Mapping[str, object], writes: bool
    ) -> httpx.Response:
        static = self._settings.access_token.get_secret_value()
        if static:
            return await self._send(document, variables, static, writes)
        return await self._tokens.authorized(
            lambda token: self._send(document, variables, token.access, writes)
        )

    async def _send(
        self, document: Document, variables: Mapping[str, object], token: str, writes: bool
    ) -> httpx.Response:
        path = f"/admin/api/{self._settings.api_version}/graphql.json"
        body = {
            "query": document.text,
            "operationName": document.name,
            "variables": dict(variables),
        }
        request = self._connection.http.build_request(
            "POST",
            self._settings.address(path),
            json=body,
            headers={"X-Shopify-Access-Token": token},
        )
        return await send(self._connection.http, request, writes=writes)

    async def _fetch_token(self, _refused: Token | None) -> Token:
        grant = {
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret.get_secret_value(),
            "grant_type": "client_credentials",
        }
        url = self._settings.address(TOKEN_PATH)
        request = self._connection.http.build_request("POST", url, json=grant)
        try:
            response = await send(self._connection.http, request, writes=False)
        except Rejected as error:
            raise AuthenticationFailed(
                f"{self._settings.shop} grants no token: check client_id and client_secret, and "
                "that app and store belong to one organisation"
            ) from error
        answer = parse(TokenAnswer, json_of(response), "access token")
        seconds = answer.expires_in
        ends = None if seconds is None else self._connection.now() + timedelta(seconds=seconds)
        return Token(access=answer.access_token, expires_at=ends)


def named(data: Mapping[str, Any], field: str) -> Any:
    """What a field of the answer holds, which may be null; raises PayloadInvalid without it."""
    if field not in data:
        raise PayloadInvalid(f"the answer does not hold {field}")
    return data[field]


def _raise_for_errors(answer: Answer, what: str, *, writes: bool) -> None:
    """Transport errors come with status 200; only their codes are repeated, never their text."""
    if not answer.errors:
        return
    if isinstance(answer.errors, str):
        raise Rejected(f"{what}: Shopify refuses the call")
    codes = {error.extensions.code for error in answer.errors if error.extensions} - {None}
    if "THROTTLED" in codes:
        raise RateLimited(f"{what}: the query cost is used up", _seconds(answer.extensions))
    if "ACCESS_DENIED" in codes:
        raise AuthenticationFailed(f"{what}: an access scope is missing; grant it and authorize")
    if codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"}:
        unsure = OutcomeUnknown if writes else Unavailable
        raise unsure(f"{what}: Shopify failed")
    raise Rejected(f"{what}: {', '.join(sorted(map(str, codes))) or 'refused without a code'}")


def _seconds(extensions: Extensions | None) -> float | None:
    """How long the leaky bucket takes to hold what this query costs."""
    cost = extensions.cost if extensions else None
    if cost is None or cost.throttle_status is None or cost.requested_query_cost is None:
        return None
    left, rate = cost.throttle_status.currently_available, cost.throttle_status.restore_rate
    if left is None or not rate or rate < 0:
        return None
    return max(0.0, float((cost.requested_query_cost - left) / rate))
