"""What a check works with: the plugin on a connection to its twin, a clock, ears and eyes."""

import contextlib
import logging
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from renkei_contracts import capability
from renkei_contracts.connection import Connection, MemoryTokens, Token
from renkei_contracts.delivery import Delivery
from renkei_contracts.stage import StageContext, Webhook
from renkei_contracts.testing.checks import NotApplicable
from renkei_contracts.twin.base import Twin
from renkei_contracts.twin.server import NO_TLS, serve
from renkei_contracts.vendor import Vendor

C = TypeVar("C")

OnTheWay = Callable[[httpx.Request, httpx.Response], httpx.Response]
"""What becomes of an answer that was read whole; it may raise what httpx raises."""

CONNECTION = "shop"
START = datetime(2026, 7, 1, 3, 0, 0, tzinfo=UTC)
OTHERS = ("httpx", "httpcore", "uvicorn", "asyncio", "starlette")
"""Loggers that are not the plugin's: the hub quiets them, and so does the bench."""
TIMEOUT = httpx.Timeout(5.0)
"""Long enough for a machine with much to do."""

IMPATIENT = 0.3
"""Seconds after which waiting ends for an answer that the twin will not give."""


class Clock:
    """A clock that moves when it is told to, for the plugin and its twin alike (UTC)."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def __call__(self) -> datetime:
        """What it shows."""
        return self._now

    def forward(self, by: timedelta) -> None:
        """Let time pass."""
        self._now += by


@dataclass(frozen=True)
class Exchange:
    """One call the plugin made and its answer; the answer is None where there was none."""

    request: httpx.Request
    response: httpx.Response | None


@dataclass
class Bench:
    """One plugin on one twin. Use it as an async context manager, once for each check.

    ``begun`` is how many calls the plugin has begun, ``exchanges`` are those that have ended, and
    ``records`` the log lines of the whole process (of OTHERS from warnings on).
    ``on_the_way`` may change an answer before the plugin sees it, or break its connection.
    ``tokens`` and ``given`` (the name of each secret setting by its value) are all that any of its
    connections ever had.
    """

    vendor: Vendor
    page_size: int | None = 2
    clock: Clock = field(default_factory=Clock)
    begun: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    records: list[logging.LogRecord] = field(default_factory=list)
    on_the_way: OnTheWay | None = None
    tokens: list[Token] = field(default_factory=list, repr=False)
    given: dict[str, str] = field(default_factory=dict, repr=False)
    _open: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _received: list[Delivery] = field(default_factory=list)
    _twin: Twin | None = None
    _http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        """Start the twin and open the connection."""
        work_dir = self._open.enter_context(tempfile.TemporaryDirectory())
        self._open.enter_context(_listening(self.records))
        if self.vendor.twin is not None:
            context = StageContext(Path(work_dir), 1, self.clock, self.page_size)
            twin = await self._open.enter_async_context(self.vendor.twin(context))
            if not isinstance(twin, Twin):
                raise NotApplicable(f"the twin of {self.vendor.name} is no Twin: see twin/base.py")
            self._twin = twin
        self._http = await self._open.enter_async_context(_client(self))
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Stop everything."""
        await self._open.aclose()

    @property
    def twin(self) -> Twin:
        """The vendor's twin; a plugin without one can be checked for its manifest only."""
        if self._twin is None:
            raise NotApplicable(f"{self.vendor.name} has no twin")
        return self._twin

    def settings(self, **changed: object) -> Mapping[str, object]:
        """The settings of the twin, as a person would enter them, with some of them changed."""
        return {**self.twin.settings(), **changed}

    def connection(
        self, settings: Mapping[str, object] | None = None, *, id: str = CONNECTION
    ) -> Connection[Any]:
        """A connection to the twin with tokens of its own."""
        told = self.settings() if settings is None else settings
        model = self.vendor.settings.model_validate(told)
        self.given.update((value, name) for name, value in _secret(model).items())
        assert self._http is not None, "use the bench as an async context manager"
        return Connection(id, model, self._http, _Tokens(self.tokens), self.clock)

    def secrets(self) -> frozenset[str]:
        """The names of the settings that are secret."""
        return frozenset(_secret(self.vendor.settings.model_validate(self.settings())))

    async def deliveries(self, act: Callable[[], Awaitable[object]]) -> list[Delivery]:
        """What the vendor sends while ``act`` is done, exactly as it arrives."""
        before = len(self._received)
        await self._listen()
        await act()
        return self._received[before:]

    async def _listen(self) -> None:
        if self.twin.emitter.url:
            return
        routes = [Route("/webhooks/{path:path}", self._receive, methods=["POST"])]
        url = await self._open.enter_async_context(serve(Starlette(routes=routes)))
        secret = self.settings().get("path_secret")
        address = f"{url}/webhooks/{CONNECTION}" + (f"/{secret}" if secret else "")
        await self.twin.listen(Webhook(address))

    async def _receive(self, request: Request) -> Response:
        headers = tuple((key.decode(), value.decode()) for key, value in request.headers.raw)
        parts = request.path_params["path"].split("/")
        secret = parts[1] if len(parts) > 1 else ""
        body = await request.body()
        self._received.append(Delivery(CONNECTION, self.clock(), headers, body, secret))
        return Response()

    @property
    def falls_silent(self) -> bool:
        """Whether the twin will not answer the call that begins now."""
        if self._twin is None or not self._twin.faults.planned:
            return False
        fault = self._twin.faults.planned[0]
        return fault.kind == "slow" and not fault.skip

    def webhooks(self, settings: Mapping[str, object] | None = None) -> capability.Webhooks:
        """The capability on a connection with these settings."""
        return made(self.vendor.webhooks, self.connection(settings))

    def orders(self) -> capability.Orders:
        """The capability on the twin."""
        return made(self.vendor.orders, self.connection())

    def members(self) -> capability.Members:
        """The capability on the twin."""
        return made(self.vendor.members, self.connection())

    def balances(self) -> capability.Balances:
        """The capability on the twin."""
        return made(self.vendor.balances, self.connection())

    def stock(self) -> capability.Stock:
        """The capability on the twin."""
        return made(self.vendor.stock, self.connection())

    def products(self) -> capability.Products:
        """The capability on the twin."""
        return made(self.vendor.products, self.connection())

    def coupons(self) -> capability.Coupons:
        """The capability on the twin."""
        return made(self.vendor.coupons, self.connection())

    def messages(self) -> capability.Messages:
        """The capability on the twin."""
        return made(self.vendor.messages, self.connection())

    def facts(self) -> capability.Facts:
        """The capability on the twin."""
        return made(self.vendor.facts, self.connection())

    def storefront(self, settings: Mapping[str, object] | None = None) -> capability.Storefront:
        """The capability on a connection with these settings."""
        return made(self.vendor.storefront, self.connection(settings))

    def install(self, connection: Connection[Any]) -> capability.Install:
        """The capability on this connection, which will hold the token."""
        return made(self.vendor.install, connection)


def _secret(settings: BaseModel) -> dict[str, str]:
    """The secret settings that are filled in, by name."""
    named = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {
        name: value.get_secret_value()
        for name, value in named.items()
        if isinstance(value, SecretStr) and value
    }


def made(factory: Callable[[Connection[Any]], C] | None, connection: Connection[Any]) -> C:
    """The capability on the connection; NotApplicable where the plugin does not have it."""
    if factory is None:
        raise NotApplicable("the plugin does not have this capability")
    return factory(connection)


@contextlib.asynccontextmanager
async def _client(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=_Recording(bench), timeout=TIMEOUT) as client:
        yield client


class _Tokens(MemoryTokens):
    """Tells the bench of every token that is fetched."""

    def __init__(self, seen: list[Token]) -> None:
        super().__init__()
        self._seen = seen

    async def replace(
        self, refused: Token | None, fetch: Callable[[Token | None], Awaitable[Token]]
    ) -> Token:
        """As any store, and what came of it is seen."""
        token = await super().replace(refused, fetch)
        self._seen.append(token)
        return token


class _Recording(httpx.AsyncHTTPTransport):
    """Keeps every exchange."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(verify=NO_TLS, trust_env=False)
        self._bench = bench

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._bench.begun += 1
        if self._bench.falls_silent:
            _give_up_soon(request)
        try:
            response = await self._answered(request)
        except httpx.TransportError:
            self._bench.exchanges.append(Exchange(request, None))
            raise
        self._bench.exchanges.append(Exchange(request, response))
        return response

    async def _answered(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if self._bench.on_the_way is None:
            return response
        await response.aread()
        return self._bench.on_the_way(request, response)


def _give_up_soon(request: httpx.Request) -> None:
    """Of this call alone, and of waiting alone: on a busy machine others may take longer."""
    limits = {**request.extensions.get("timeout", {}), "read": IMPATIENT}
    request.extensions = {**request.extensions, "timeout": limits}


class _Ears(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(logging.DEBUG)
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


@contextlib.contextmanager
def _listening(records: list[logging.LogRecord]) -> Any:
    root, ears = logging.getLogger(), _Ears(records)
    levels = {root: logging.DEBUG} | {logging.getLogger(one): logging.WARNING for one in OTHERS}
    before = {logger: logger.level for logger in levels}
    _set(levels)
    root.addHandler(ears)
    try:
        yield
    finally:
        root.removeHandler(ears)
        _set(before)


def _set(levels: Mapping[logging.Logger, int]) -> None:
    for logger, level in levels.items():
        logger.setLevel(level)
