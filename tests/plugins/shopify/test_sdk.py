"""Shopify's own library agrees: what it signs we accept, what our twin signs it accepts."""

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.stage import StageContext
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.shop import HANAKO
from renkei_contracts.twin.process import PeerUnavailable, run_tool
from renkei_shopify.plugin import VENDOR
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.twin import ShopifyTwin
from renkei_shopify.twin_app import CLIENT_SECRET
from renkei_shopify.webhooks import ShopifyWebhooks

pytestmark = pytest.mark.peers

HERE = Path(__file__).parent / "sdk"
FILES = ("package.json", "package-lock.json", "agree.mjs")

BODY = '{"id":820982911946154508,"note":"税込 ¥1,100 – \\u3000","total_price":"1100"}'

Connect = Callable[..., Connection[ShopifySettings]]
Deliver = Callable[..., Delivery]
Library = Callable[..., Awaitable[Any]]


def install(folder: Path) -> None:
    """Have exactly the locked packages in the folder, once."""
    content = {name: (HERE / name).read_bytes() for name in FILES}
    digest, marker = hashlib.sha256(b"\0".join(content.values())).hexdigest(), folder / "installed"
    if marker.is_file() and marker.read_text() == digest:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in content.items():
        (folder / name).write_bytes(text)
    npm = ["npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
    asyncio.run(run_tool([*npm, "--loglevel=error"], folder=folder, what="npm ci"))
    marker.write_text(digest)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library in it; skips where it cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are needed")
    given = os.environ.get("RENKEI_PEERS_DIR")
    folder = (Path(given) if given else tmp_path_factory.mktemp("peers")) / "shopify-sdk"
    try:
        install(folder)
    except PeerUnavailable as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture
def library(folder: Path) -> Library:
    """What the library answers to one task."""

    async def ask(**task: object) -> Any:
        process = await asyncio.create_subprocess_exec(
            "node",
            "agree.mjs",
            cwd=folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await process.communicate(json.dumps(task).encode())
        assert process.returncode == 0
        return json.loads(told)

    return ask


async def test_we_accept_what_the_library_signs(
    library: Library, connect: Connect, deliver: Deliver, now: datetime
) -> None:
    signature = await library(task="sign", secret="hush", body=BODY)
    given = deliver("orders/paid", BODY.encode(), X_Shopify_Hmac_Sha256=signature)
    ShopifyWebhooks(connect(client_secret="hush")).verify(given, now)
    with pytest.raises(SignatureInvalid):
        ShopifyWebhooks(connect(client_secret="hushed")).verify(given, now)


async def test_the_library_accepts_what_our_twin_sends(library: Library) -> None:
    async with Bench(VENDOR) as bench:
        twin = bench.twin
        assert isinstance(twin, ShopifyTwin)
        (sent,) = await bench.deliveries(lambda: twin.register(HANAKO))
    headers, body = dict(sent.headers), sent.body.decode()
    given = {"task": "validate", "headers": headers, "body": body}
    answer = await library(**given, secret=CLIENT_SECRET)
    assert (answer["valid"], answer["topic"]) == (True, "CUSTOMERS_CREATE")
    assert not (await library(**given, secret="other"))["valid"]
    assert not (await library(**given | {"body": body + " "}, secret=CLIENT_SECRET))["valid"]


async def test_the_library_accepts_what_our_twins_app_proxy_signs(
    library: Library, tmp_path: Path
) -> None:
    """By the machine's clock: the library takes no request of another time."""
    passed = ShopifyTwin(StageContext(tmp_path)).passed_on("7", {"points": "500", "key": "税 +&"})
    query = dict(parse_qsl(passed.query, keep_blank_values=True))
    assert await library(task="proxied", secret=CLIENT_SECRET, query=query)
    assert not await library(task="proxied", secret="other", query=query)
    other = query | {"logged_in_customer_id": "8"}
    assert not await library(task="proxied", secret=CLIENT_SECRET, query=other)
