"""The twin's authorization server: a code, then refresh tokens that are good once each.

Source: Resource/config/services.yaml of eccube-api4 (6ce2dab8): authorization_code and
refresh_token only. That a used refresh token is revoked is league/oauth2-server's default, from
memory; so is that one ends after a month, which the twin leaves out.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import count
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from renkei_contracts.toolkit.signature import same

CLIENT_ID = "twin-client"
CLIENT_SECRET = "twin-client-secret"  # noqa: S105 - a twin's, known to all
REDIRECT_URL = "https://hub.example.jp/install/callback"

CODE_LIFE = timedelta(minutes=10)
ACCESS_LIFE = timedelta(hours=1)


class TwinOAuth:
    """Codes and tokens of one client. ``clock`` gives the time; nothing here is secret."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._codes: dict[str, datetime] = {}
        self._refresh: set[str] = set()
        self._access: dict[str, datetime] = {}
        self.scopes = frozenset({"read", "write"})

    def authorized(self) -> str:
        """The owner has authorized the client by hand: a refresh token."""
        token = f"twin-refresh-{next(self._numbers)}"
        self._refresh.add(token)
        return token

    def revoke(self, refresh: str) -> None:
        """The owner takes the authorization back."""
        self._refresh.discard(refresh)

    def lets_in(self, request: Request) -> bool:
        """Whether the call carries an access token that is still good."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        ends = self._access.get(token)
        return ends is not None and self._clock() < ends

    async def consent(self, request: Request) -> Response:
        """The owner says yes at once."""
        query = request.query_params
        if query.get("client_id") != CLIENT_ID or query.get("redirect_uri") != REDIRECT_URL:
            return JSONResponse({"error": "invalid_client"}, 401)
        code = f"twin-code-{next(self._numbers)}"
        self._codes[code] = self._clock() + CODE_LIFE
        back = urlencode({"code": code, "state": query["state"]})
        return RedirectResponse(f"{REDIRECT_URL}?{back}", 302)

    async def token(self, request: Request) -> Response:
        """A code or a refresh token for an access token and the next refresh token."""
        form = dict(parse_qsl((await request.body()).decode()))
        if not _is_client(request):
            return JSONResponse({"error": "invalid_client"}, 401)
        if not self._taken(form):
            return JSONResponse({"error": "invalid_grant"}, 400)
        access = f"twin-access-{next(self._numbers)}"
        self._access[access] = self._clock() + ACCESS_LIFE
        told = {
            "token_type": "Bearer",
            "expires_in": int(ACCESS_LIFE.total_seconds()),
            "access_token": access,
            "refresh_token": self.authorized(),
        }
        return JSONResponse(told)

    def _taken(self, form: Mapping[str, str]) -> bool:
        """Whether the grant is good; it is not a second time."""
        if form["grant_type"] == "authorization_code":
            ends = self._codes.pop(form["code"], None)
            known = form["redirect_uri"] == REDIRECT_URL
            return known and ends is not None and self._clock() < ends
        known = form["refresh_token"] in self._refresh
        self._refresh.discard(form["refresh_token"])
        return known


def _is_client(request: Request) -> bool:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return False
    id, _, secret = base64.b64decode(given).decode().partition(":")
    return unquote(id) == CLIENT_ID and same(unquote(secret), CLIENT_SECRET)
