"""Calling the Web API plugin: one token, one refresher, canonical errors."""

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
    RenkeiError,
    SettingsInvalid,
    Unavailable,
)
from renkei_contracts.toolkit.oauth import ClientCredentials, fetch_grant
from renkei_contracts.toolkit.tokens import KeptTokens
from renkei_contracts.toolkit.transport import json_of, send
from renkei_contracts.toolkit.wire import parse
from renkei_eccube import wire
from renkei_eccube.documents import Document
from renkei_eccube.settings import EccubeSettings

API, TOKEN = "/api", "/token"
SCOPES = ("read", "write")

MISSING = re.compile(r": No \w+ found;")
NO_SCOPE = "Insufficient permission"
REFUSED, UNKNOWN_FIELD = "Invalid argument", "graphql"
"""Categories of errors; whatever else is an error of the shop's own, whose text it hides."""


class EccubeClient:
    """Runs documents in one shop.

    The access token lives an hour. Each refresh token is good once and brings the next one: the hub
    keeps them and lets one refresher in at a time.
    """

    def __init__(self, connection: Connection[EccubeSettings]) -> None:
        self._connection = connection
        self._settings = connection.settings
        self._tokens = KeptTokens(connection, self._refreshed)

    async def run(
        self, document: Document, variables: Mapping[str, object], *, writes: bool = False
    ) -> dict[str, Any]:
        """The data of the answer; ``writes`` as in ``toolkit.transport.send``."""

        async def call(token: Token) -> dict[str, Any]:
            request = self._connection.http.build_request(
                "POST",
                self._settings.address(API),
                json={"query": document.text, "variables": dict(variables)},
                headers={"authorization": f"Bearer {token.access}"},
            )
            return _data(await self._sent(request, writes), document, writes=writes)

        return await self._tokens.authorized(call)

    async def _sent(self, request: httpx.Request, writes: bool) -> httpx.Response:
        try:
            return await send(self._connection.http, request, writes=writes)
        except NotFound:
            # It would be taken for a missing order by whoever wanted to read one.
            raise SettingsInvalid(
                f"{self._settings.base_url} has no Web API at {API}: check base_url, and whether "
                "the Web API plugin is enabled"
            ) from None

    async def _refreshed(self, kept: Token | None) -> Token:
        """A new token, by the refresh token that came last, or else by the one in the settings."""
        given = self._settings.refresh_token.get_secret_value()
        last = kept.refresh if kept else None
        tokens = [one for one in dict.fromkeys((last, given)) if one]
        refused: RenkeiError = AuthenticationFailed(
            "the shop's owner has not authorized us yet, or must do it again"
        )
        for refresh in tokens:
            try:
                return await self._granted(refresh)
            except AuthenticationFailed as error:
                refused = error
        raise refused

    async def _granted(self, refresh: str) -> Token:
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        return await granted(self._connection, form)


async def granted(connection: Connection[EccubeSettings], form: Mapping[str, str]) -> Token:
    """A token of the shop's, with the refresh token for the next one."""
    settings = connection.settings
    client = ClientCredentials(
        settings.address(TOKEN), settings.client_id, settings.client_secret.get_secret_value()
    )
    return (await fetch_grant(connection.http, client, connection.now(), form)).token


def _data(response: httpx.Response, document: Document, *, writes: bool) -> dict[str, Any]:
    answer = parse(wire.Answer, json_of(response), document.name)
    if answer.errors:
        raise _error(answer.errors, document, writes=writes)
    if answer.data is None:
        raise PayloadInvalid(f"{document.name}: the answer holds no data")
    return answer.data


def _error(errors: tuple[wire.Error, ...], document: Document, *, writes: bool) -> RenkeiError:
    """Errors come with status 200; their text is not repeated, since it may hold anything."""
    name = document.name
    if any(one.message.startswith(NO_SCOPE) for one in errors):
        told = f"{name}: the client lacks a scope: give it read and write, and authorize it again"
        return AuthenticationFailed(told)
    categories = {one.extensions.category for one in errors if one.extensions}
    if categories == {REFUSED}:
        if any(MISSING.search(one.message) for one in errors):
            return NotFound(f"{name}: EC-CUBE has no such thing")
        return Rejected(f"{name}: EC-CUBE refuses what was asked for")
    if categories == {UNKNOWN_FIELD}:
        return Rejected(
            f"{name}: the shop's Web API does not know it: update or install its plugin"
        )
    unsure = OutcomeUnknown if writes else Unavailable
    return unsure(f"{name}: EC-CUBE failed; its log says why")
