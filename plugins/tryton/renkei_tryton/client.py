"""Calling Tryton's JSON-RPC: one session, one new login when it is over, canonical errors."""

import base64
import re
from collections.abc import Sequence
from typing import Any

import httpx

from renkei_contracts.connection import Connection, Token
from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    PayloadInvalid,
    Rejected,
    SettingsInvalid,
    Unavailable,
)
from renkei_contracts.toolkit.transport import json_of, send
from renkei_tryton.settings import TrytonSettings

REFUSALS = frozenset({"UserError", "UserWarning"})

UNKNOWN_NAME = re.compile(r"'[a-z][a-z0-9_.]{0,100}'")
"""What Tryton answers for a model or a field it does not have: the bare text of a KeyError."""


class TrytonClient:
    """Reads one database as one user."""

    def __init__(self, connection: Connection[TrytonSettings]) -> None:
        self._connection = connection
        self._settings = connection.settings

    async def search(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        *,
        order: Sequence[Sequence[str]] = (("id", "ASC"),),
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """The rows of a model within the domain.

        Tryton shows rows of those companies only that the caller's context names, which is the
        user's preferences as they are now.
        """
        context = await self._call("model.res.user.get_preferences", True, {})
        method = f"model.{model}.search_read"
        rows = await self._call(method, domain, 0, limit, order, fields, context)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise PayloadInvalid(f"{method}: the result is no list of rows")
        return rows

    async def _call(self, method: str, *parameters: Any) -> Any:
        """The result; a session that idled out (after 300 s by default) is renewed once."""
        tokens = self._connection.tokens
        token = await tokens.current() or await tokens.replace(None, self._log_in)
        try:
            return await self._post(method, parameters, token)
        except AuthenticationFailed:
            token = await tokens.replace(token, self._log_in)
        return await self._post(method, parameters, token)

    async def _log_in(self, _refused: Token | None) -> Token:
        user = self._settings.username
        secret = {"password": self._settings.password.get_secret_value()}
        answer = await self._post("common.db.login", (user, secret, "en"), None)
        match answer:
            case [int() as id, str() as session, *_]:
                named = f"{user}:{id}:{session}".encode()
                # When it ends is not said, and each call puts it off.
                return Token(access=base64.b64encode(named).decode(), expires_at=None)
        raise PayloadInvalid("common.db.login: the answer names no session")

    async def _post(self, method: str, parameters: Sequence[Any], token: Token | None) -> Any:
        url = f"{self._settings.base_url}/{self._settings.database}/rpc/"
        body = {"id": 0, "method": method, "params": parameters}
        headers = {"authorization": f"Session {token.access}"} if token else {}
        request = self._connection.http.build_request("POST", url, json=body, headers=headers)
        return _result(await self._send(request), method)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await send(self._connection.http, request, writes=False)
        except NotFound as error:
            raise SettingsInvalid(
                f"{self._settings.base_url} has no database {self._settings.database}: "
                "check base_url and database"
            ) from error


def _result(response: httpx.Response, method: str) -> Any:
    """What the call gave; errors come with status 200. Their text may name people: not repeated."""
    answer = json_of(response)
    match answer:
        case {"error": [str() as kind, *_]}:
            raise _error(kind, method)
        case {"result": result}:
            return result
    raise PayloadInvalid(f"{method}: the answer holds neither a result nor an error")


def _error(kind: str, method: str) -> Rejected | Unavailable:
    if kind in REFUSALS:
        return Rejected(f"{method}: Tryton refuses it ({kind})")
    if UNKNOWN_NAME.fullmatch(kind):
        return Rejected(f"{method}: this Tryton does not know {kind}; is the module active?")
    return Unavailable(f"{method}: Tryton failed; its log says why")
