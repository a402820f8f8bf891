"""The base of every twin: served on loopback, with an emitter and a fault script."""

import contextlib
from typing import Protocol, Self, runtime_checkable

from starlette.types import ASGIApp

from renkei_contracts.stage import StageContext, Staged, Webhook
from renkei_contracts.twin.actions import NoActions
from renkei_contracts.twin.emitter import Emitter
from renkei_contracts.twin.faults import FaultScript
from renkei_contracts.twin.schema_log import SchemaLog
from renkei_contracts.twin.server import serve


@runtime_checkable
class Twin(Staged, Protocol):
    """A stage of ours: it can be made to fail, and what it sends and compares can be seen."""

    faults: FaultScript
    emitter: Emitter
    schema: SchemaLog


class TwinBase(NoActions):
    """Runs an application and refuses every action that the vendor's twin does not define.

    A twin sets ``kind`` and ``can``, gives its application to ``__init__``, and defines the actions
    it names in ``can``. ``retries``: whether the vendor sends a failed delivery again. ``schema``:
    what it compared with the vendor's schema; silver asks for it. ``leaves_out``: keys that the
    vendor leaves out of its answers where there is nothing to say (an order of nobody, a list
    without rows): that one of them is gone cannot be told from that. ``personal_keys``: keys under
    which the vendor tells of a person though their names do not say so, for ``toolkit.scrub``.
    """

    leaves_out: frozenset[str] = frozenset()
    personal_keys: frozenset[str] = frozenset()

    def __init__(
        self,
        context: StageContext,
        app: ASGIApp,
        faults: FaultScript,
        *,
        retries: bool,
        schema: SchemaLog | None = None,
    ) -> None:
        self.context = context
        self.faults = faults
        self.emitter = Emitter(retries=retries)
        self.schema = schema or SchemaLog()
        self.base_url = ""
        self._app = app
        self._running = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Serve the twin."""
        self.base_url = await self._running.enter_async_context(serve(self._app))
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Stop it; nothing of it is left."""
        await self._running.aclose()

    def address(self) -> str:
        """A page with what the twin holds."""
        return f"{self.base_url}/"

    async def listen(self, webhook: Webhook) -> None:
        """Send deliveries there from now on."""
        self.emitter.url, self.emitter.extra_headers = webhook.url, webhook.headers
