"""Where the bench's shops show balances: a server that notes which was shown to whom, and when."""

import asyncio
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.ground import Ground
from renkei.listening import listen, url_of
from renkei.serving import web_server


@dataclass
class Twin:
    """What is shown, by (connection, member): the moments, and the balance's version at each."""

    url: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    shown: dict[tuple[str, str], list[tuple[float, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    async def show(self, request: Request) -> Response:
        """A balance's version for a member."""
        name = request.path_params
        version = int(await request.body())
        self.shown[name["connection"], name["member"]].append((time.perf_counter(), version))
        self.news.set()
        return Response()

    async def visible(self, connection: str, member: str, version: int) -> float:
        """Wait until this balance or a newer one is shown; gives since when."""
        while (at := self._visible_at(connection, member, version)) is None:
            self.news.clear()
            await self.news.wait()
        return at

    def _visible_at(self, connection: str, member: str, version: int) -> float | None:
        moments = (at for at, shown in self.shown[connection, member] if shown >= version)
        return min(moments, default=None)


async def twin(ground: Ground) -> Twin:
    """The one of this run, started on first use."""
    return await ground.kept("twin", lambda: _started(ground))


async def _started(ground: Ground) -> Twin:
    made = Twin()
    shows = Route("/{connection}/{member}", made.show, methods=["PUT"])
    listener = ground.stack.enter_context(closing(listen("127.0.0.1", 0)))
    made.url = url_of(listener)
    server = web_server(Starlette(routes=[shows]))
    serving = asyncio.create_task(server.serve(sockets=[listener]))

    async def end() -> None:
        server.should_exit = True
        await serving

    ground.stack.push_async_callback(end)
    return made
