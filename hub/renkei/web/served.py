"""What the web layer needs of an open hub, and how a handler reaches it."""

import asyncio
from typing import Annotated, Any, Protocol

from fastapi import Depends
from starlette.requests import Request

from renkei.clock import Clock
from renkei.config import Settings
from renkei.connections.opened import OpenConnections
from renkei.services.flow.receive import Receiver
from renkei.services.till.callers import Callers
from renkei.services.till.feed_head import FeedHead
from renkei.services.till.till import TillService
from renkei.storage.committer import Committer
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei.storage.wakers import Wakers


class ServedHub(Protocol):
    """The parts of bootstrap's Hub that are reached over HTTP."""

    @property
    def settings(self) -> Settings: ...
    @property
    def database(self) -> Database: ...
    @property
    def ring(self) -> KeyRing: ...
    @property
    def connections(self) -> OpenConnections: ...
    @property
    def till(self) -> TillService: ...
    @property
    def receiver(self) -> Receiver: ...
    @property
    def intake(self) -> Committer[Any, Any]: ...
    @property
    def ledger(self) -> Committer[Any, Any]: ...
    @property
    def callers(self) -> Callers: ...
    @property
    def feed_head(self) -> FeedHead: ...
    @property
    def wakers(self) -> Wakers: ...
    @property
    def clock(self) -> Clock: ...


async def hub_of(request: Request) -> ServedHub:
    """The hub this application serves."""
    hub: ServedHub = request.app.state.hub
    return hub


async def leaving_of(request: Request) -> asyncio.Event:
    """Set once this process is told to stop."""
    leaving: asyncio.Event = request.app.state.leaving
    return leaving


TheHub = Annotated[ServedHub, Depends(hub_of)]
Leaving = Annotated[asyncio.Event, Depends(leaving_of)]
