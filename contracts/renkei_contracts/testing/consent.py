"""A merchant's consent: from the address that a plugin sends the browser to, and back."""

from urllib.parse import urlsplit

import httpx

from renkei_contracts.delivery import Delivery
from renkei_contracts.testing.bench import CONNECTION, Bench
from renkei_contracts.testing.checks import NotApplicable
from renkei_contracts.twin.server import NO_TLS

STATE = "state-5e1f0c"
CALLBACK = "https://hub.example.jp/install/callback"


def address(bench: Bench) -> str:
    """Where the browser is sent."""
    return bench.install(bench.connection()).authorize_url(STATE, CALLBACK)


async def callback(bench: Bench) -> Delivery:
    """What the merchant's browser brings: the twin consents at once and sends it back."""
    async with httpx.AsyncClient(trust_env=False, timeout=5, verify=NO_TLS) as browser:
        answer = await browser.get(address(bench))
    back = answer.headers.get("location", "")
    if not back.startswith(CALLBACK):
        raise NotApplicable("the twin's page of consent does not send the browser back at once")
    return Delivery(CONNECTION, bench.clock(), (), urlsplit(back).query.encode())
