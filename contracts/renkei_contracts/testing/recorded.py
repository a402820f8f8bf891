"""A plugin's calls to its twin within the process, kept for a test to look at."""

import httpx
from starlette.types import ASGIApp


class Recorded(httpx.ASGITransport):
    """Calls reach the twin's application without a socket; ``calls`` are all of them, in order."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self.calls: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Keep the call, then let the twin answer it."""
        self.calls.append(request)
        return await super().handle_async_request(request)

    def of(self, path: str) -> list[httpx.Request]:
        """The calls to this path."""
        return [one for one in self.calls if one.url.path == path]
