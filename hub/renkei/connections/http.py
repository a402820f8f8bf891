"""The HTTP client a plugin is given: bounded in time and number, silent about what it carries."""

import httpx
import structlog

from renkei import __version__
from renkei_contracts.toolkit.transport import TIMEOUT

log = structlog.get_logger(__name__)

LIMITS = httpx.Limits(max_connections=16, max_keepalive_connections=4, keepalive_expiry=30)


def new_client() -> httpx.AsyncClient:
    """A client of its own for one connection, so that a slow vendor takes no other's place.

    A redirect would carry credentials to where nobody has set them to go.
    """
    return httpx.AsyncClient(
        timeout=TIMEOUT,
        limits=LIMITS,
        trust_env=False,
        follow_redirects=False,
        headers={"user-agent": f"renkei/{__version__}"},
        event_hooks={"response": [_log]},
    )


async def _log(response: httpx.Response) -> None:
    """Host and status only: a path or query may name a person or hold a secret."""
    request = response.request
    log.debug(
        "vendor_called", method=request.method, host=request.url.host, status=response.status_code
    )
