"""Calling the REST API v3: who we are, lists, ids, canonical errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from renkei_contracts.connection import Connection
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.toolkit.transport import json_of, send
from renkei_woocommerce.oauth import basic, signed
from renkei_woocommerce.settings import WooCommerceSettings

PER_PAGE = 100
"""Rows of a page: the most there can be (source: the documentation, Pagination)."""


@dataclass(frozen=True)
class Rows:
    """A page of a list, its rows not yet parsed, with how many pages and rows there are."""

    rows: tuple[dict[str, Any], ...]
    pages: int
    total: int


class WooCommerceClient:
    """Calls to one shop."""

    def __init__(self, connection: Connection[WooCommerceSettings]) -> None:
        self._http = connection.http
        self._settings = connection.settings
        self._now = connection.now

    async def get(self, path: str) -> Any:
        """What is at the path."""
        return json_of(await self._send("GET", path))

    async def rows(self, path: str, query: Mapping[str, str], *, page: int = 1) -> Rows:
        """A page of a list."""
        asked = {**query, "per_page": str(PER_PAGE), "page": str(page)}
        response = await self._send("GET", path, query=asked)
        rows = json_of(response)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise PayloadInvalid(f"{path}: the answer is not a list of rows")
        full = len(rows) >= PER_PAGE
        # Something on the way may drop the headers: then a full page has another behind it.
        pages = _told(response, "x-wp-totalpages", page + full)
        total = _told(response, "x-wp-total", int(query.get("offset", "0")) + len(rows) + full)
        return Rows(tuple(rows), pages, total)

    async def all(self, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Every row of a short list."""
        found: list[dict[str, Any]] = []
        page, pages = 0, 1
        while page < pages:
            page += 1
            told = await self.rows(path, query or {}, page=page)
            found += told.rows
            pages = told.pages
        return found

    async def write(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer to a write, not yet read: it has happened, whatever the answer looks like."""
        return await self._send(method, path, query=query, body=body, writes=True)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        writes: bool = False,
    ) -> httpx.Response:
        url = self._settings.address(path)
        url = f"{url}?{urlencode(query)}" if query else url
        key, secret = self._settings.consumer_key, self._settings.consumer_secret
        headers: Mapping[str, str] = {}
        if urlsplit(url).scheme == "https":
            headers = basic(key, secret.get_secret_value())
        else:
            at = int(self._now().timestamp())
            url = signed(method, url, key, secret.get_secret_value(), at)
        request = self._http.build_request(method, url, json=body, headers=headers)
        return await send(self._http, request, writes=writes)


def _told(response: httpx.Response, header: str, otherwise: int) -> int:
    number = response.headers.get(header, "")
    plain = number.isascii() and number.isdigit() and len(number) < 10
    return int(number) if plain else otherwise
