"""Calling the Admin API: one session, one new login when it is over, canonical errors."""

import re
from collections.abc import Mapping
from typing import Any

import httpx

from renkei_contracts.connection import Connection, Token
from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    Rejected,
    SettingsInvalid,
    Unavailable,
)
from renkei_contracts.toolkit.transport import json_of, send
from renkei_contracts.toolkit.wire import parse
from renkei_vendure import wire
from renkei_vendure.documents import LOGIN, Document
from renkei_vendure.settings import VendureSettings

API_PATH = "/admin-api"
TOKEN_HEADER = "vendure-auth-token"  # noqa: S105 - a header's name

CODE = re.compile(r"[A-Z][A-Z_]{0,60}")
"""What Vendure calls an error; anything else is not repeated in a message."""


class VendureClient:
    """Runs documents in one shop."""

    def __init__(self, connection: Connection[VendureSettings]) -> None:
        self._connection = connection
        self._settings = connection.settings

    async def run(
        self, document: Document, variables: Mapping[str, object], *, writes: bool = False
    ) -> dict[str, Any]:
        """The data of the answer; ``writes`` as in ``toolkit.transport.send``."""
        tokens = self._connection.tokens
        token = await tokens.current() or await tokens.replace(None, self._log_in)
        try:
            return await self._ask(document, variables, token, writes)
        except AuthenticationFailed:
            # Refused before anything was done, so that even a write is safe to send again.
            token = await tokens.replace(token, self._log_in)
        return await self._ask(document, variables, token, writes)

    async def _ask(
        self, document: Document, variables: Mapping[str, object], token: Token, writes: bool
    ) -> dict[str, Any]:
        response = await self._post(document, variables, token, writes)
        return _data(response, document.name, writes=writes)

    async def _log_in(self, _refused: Token | None) -> Token:
        password = self._settings.password.get_secret_value()
        variables = {"user": self._settings.username, "password": password}
        response = await self._post(LOGIN, variables, None, writes=False)
        answer = _data(response, LOGIN.name, writes=False).get("login")
        # A refused login is a result like any other: InvalidCredentialsError and its kind.
        if parse(wire.Result, answer, LOGIN.name).typename != "CurrentUser":
            raise AuthenticationFailed(
                "Vendure does not accept the administrator: check username and password"
            )
        token = response.headers.get(TOKEN_HEADER)
        if not token:
            raise SettingsInvalid(
                "Vendure gives no bearer token: let authOptions.tokenMethod name 'bearer'"
            )
        # When it ends is not said.
        return Token(access=token, expires_at=None)

    async def _post(
        self,
        document: Document,
        variables: Mapping[str, object],
        token: Token | None,
        writes: bool,
    ) -> httpx.Response:
        request = self._connection.http.build_request(
            "POST",
            self._settings.base_url + API_PATH,
            json={
                "query": document.text,
                "operationName": document.name,
                "variables": dict(variables),
            },
            headers={"authorization": f"Bearer {token.access}"} if token else {},
        )
        try:
            return await send(self._connection.http, request, writes=writes)
        except NotFound as error:
            raise SettingsInvalid(
                f"{self._settings.base_url} has no Admin API at {API_PATH}: check base_url"
            ) from error


def _data(response: httpx.Response, what: str, *, writes: bool) -> dict[str, Any]:
    answer = parse(wire.Answer, json_of(response), what)
    if answer.errors:
        raise _error(answer, what, writes=writes)
    if answer.data is None:
        raise PayloadInvalid(f"{what}: the answer holds no data")
    return answer.data


def _error(
    answer: wire.Answer, what: str, *, writes: bool
) -> AuthenticationFailed | NotFound | OutcomeUnknown | Unavailable | Rejected:
    """Errors come with status 200; only their codes are repeated, never their text."""
    given = (error.extensions.code for error in answer.errors if error.extensions)
    codes = sorted({code for code in given if code and CODE.fullmatch(code)})
    if "FORBIDDEN" in codes:
        # Vendure says the same of a session that is over and of a permission that is missing.
        return AuthenticationFailed(f"{what}: Vendure does not allow it; check the permissions")
    if "ENTITY_NOT_FOUND" in codes:
        return NotFound(f"{what}: Vendure has no such thing")
    if "INTERNAL_SERVER_ERROR" in codes or not codes:
        unsure = OutcomeUnknown if writes else Unavailable
        return unsure(f"{what}: Vendure failed; its log says why")
    return Rejected(f"{what}: Vendure refuses it ({', '.join(codes)})")
