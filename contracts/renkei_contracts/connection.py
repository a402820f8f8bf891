"""What a plugin is given to work with: one shop's account at one vendor."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import httpx
from pydantic import BaseModel

from renkei_contracts.pace import MemoryPace, Pace

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True)
class Token:
    """An access token of the vendor; ``expires_at`` is UTC (None: it does not expire)."""

    access: str = field(repr=False)
    expires_at: datetime | None
    refresh: str | None = field(default=None, repr=False)


class TokenStore(Protocol):
    """Where the hub keeps a connection's token; one refresher at a time across processes."""

    async def current(self) -> Token | None:
        """The token kept, expired or not."""
        ...

    async def replace(
        self, refused: Token | None, fetch: Callable[[Token | None], Awaitable[Token]]
    ) -> Token:
        """Fetch a new token, unless somebody else has replaced ``refused`` meanwhile."""
        ...


class MemoryTokens:
    """A token store for tests and twins: one process, nothing kept."""

    def __init__(self) -> None:
        self._token: Token | None = None

    async def current(self) -> Token | None:
        """The token kept, expired or not."""
        return self._token

    async def replace(
        self, refused: Token | None, fetch: Callable[[Token | None], Awaitable[Token]]
    ) -> Token:
        """Fetch and keep a new token, unless ``refused`` is no longer the one kept."""
        if self._token is None or self._token == refused:
            self._token = await fetch(self._token)
        return self._token


@dataclass(frozen=True)
class Connection(Generic[S]):
    """One shop's account at one vendor.

    ``id`` scopes every external reference. ``settings`` is the vendor's own settings model,
    secrets included. ``http`` is configured by the hub (time-outs, limits, logging without
    secrets); ``now`` is the hub's clock; ``pace`` gives turns where the vendor limits calls.
    """

    id: str
    settings: S
    http: httpx.AsyncClient = field(repr=False)
    tokens: TokenStore = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)
    pace: Pace = field(default_factory=MemoryPace, repr=False)
