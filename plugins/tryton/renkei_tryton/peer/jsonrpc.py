"""A bare JSON-RPC session with a Tryton server."""

from __future__ import annotations

import base64
import datetime
from decimal import Decimal
from typing import Any

import httpx


class TillError(RuntimeError):
    """Tryton answered that it did not do what was asked."""


class JsonRpcSession:
    """Speaks to one database as one user."""

    def __init__(self, client: httpx.AsyncClient, database: str) -> None:
        self._client = client
        self._path = f"/{database}/rpc/"
        self._authorization: str | None = None
        self._context: dict[str, Any] = {}

    async def log_in(self, user: str, password: str) -> None:
        """Log in and take over the user's company and language."""
        self._authorization = None
        login = await self.call("common.db.login", user, {"password": password}, "ja")
        session = ":".join((user, str(login[0]), login[1]))
        self._authorization = "Session " + base64.b64encode(session.encode()).decode()
        self._context = await self.call("model.res.user.get_preferences", True, {})

    async def model(self, name: str, method: str, *parameters: Any) -> Any:
        """Call a method of a model in the user's context."""
        return await self.call(f"model.{name}.{method}", *parameters, self._context)

    async def call(self, method: str, *parameters: Any) -> Any:
        """Call a method and return its result as Tryton wrote it."""
        headers = {"authorization": self._authorization} if self._authorization else {}
        request = {"id": 0, "method": method, "params": parameters}
        answer = await self._client.post(self._path, json=request, headers=headers)
        if answer.status_code != httpx.codes.OK:
            raise TillError(f"{method}: HTTP {answer.status_code}")
        body = answer.json()
        if body.get("error"):
            raise TillError(f"{method}: {body['error'][0]}: {body['error'][1][0]}")
        return body["result"]


def decimal(value: Decimal | int) -> dict[str, str]:
    """Write a number the way Tryton wants it."""
    return {"__class__": "Decimal", "decimal": str(value)}


def as_decimal(value: dict[str, Any]) -> Decimal:
    """Read a number."""
    return Decimal(value["decimal"])


def as_date(value: dict[str, Any]) -> datetime.date:
    """Read a day."""
    return datetime.date(value["year"], value["month"], value["day"])


def as_datetime(value: dict[str, Any]) -> datetime.datetime:
    """Read an instant, which Tryton keeps in UTC without saying so."""
    fields = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    year, month, day, hour, minute, second, micro = (value[field] for field in fields)
    return datetime.datetime(year, month, day, hour, minute, second, micro, datetime.UTC)
