"""The HTTP clients with which plugins call vendors: bounded, direct, and silent about secrets."""

import httpx
import structlog

from renkei import __version__
from renkei_contracts.toolkit.transport import TIMEOUT

log = structlog.get_logger(__name__)

LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=10)


def new_client(connection: str) -> httpx.AsyncClient:
    """A client for one connection; follows no redirect and reads no proxy settings."""

    async def note(response: httpx.Response) -> None:
        request = response.request
        log.debug(
            "vendor_called",
            connection=connection,
            method=request.method,
            host=request.url.host,
            path=request.url.path,
            status=response.status_code,
        )

    return httpx.AsyncClient(
        timeout=TIMEOUT,
        limits=LIMITS,
        follow_redirects=False,
        trust_env=False,
        headers={"user-agent": f"renkei/{__version__}"},
        event_hooks={"response": [note]},
    )
