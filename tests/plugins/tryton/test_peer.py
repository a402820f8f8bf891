"""The real Tryton point of sale: what its runner does, done for real."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from renkei_contracts.twin.process import PeerUnavailable
from renkei_tryton.peer import install as installing
from renkei_tryton.peer.install import DATABASE, PACKAGE, choose_series, write_config
from renkei_tryton.peer.jsonrpc import TillError, as_datetime, as_decimal
from renkei_tryton.peer.software import Sale, TrytonShop

WAIT_SECONDS = 20


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("RENKEI_PEERS_DIR")
    return Path(given) if given else tmp_path_factory.mktemp("peers")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(work_dir: Path) -> AsyncIterator[TrytonShop]:
    shop = await TrytonShop.start(work_dir, free_port())
    yield shop
    await shop.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def polled(shop: TrytonShop, sale: Sale) -> dict[str, Any]:
    (row,) = [row for row in await shop.sales() if row["id"] == sale.id]
    return row


async def tenders(shop: TrytonShop, sale: Sale) -> dict[str, int]:
    row = await polled(shop, sale)
    fields = ["method.name", "amount"]
    payments = await shop.call("sale.point.payment", "read", row["payments"], fields)
    return {one["method."]["name"]: int(as_decimal(one["amount"])) for one in payments}


@pytest.mark.peers
@pytest.mark.asyncio(loop_scope="module")
class TestTill:
    async def test_a_sale_is_numbered_and_found_by_a_poll(self, shop: TrytonShop) -> None:
        sale = await shop.sell([("TEA-1", 2), ("CUP-1", 1)])
        row = await polled(shop, sale)
        assert sale.total == 5460
        assert (row["number"], row["state"], row["currency."]["code"]) == (
            sale.number,
            "done",
            "JPY",
        )
        assert as_decimal(row["total_tax"]) == 460
        assert as_datetime(row["write_date"]) == sale.write_date

    async def test_points_are_a_tender_beside_cash(self, shop: TrytonShop) -> None:
        in_part = await shop.sell([("POT-1", 1)], points=800)
        alone = await shop.sell([("POT-1", 1)], points=8800)
        assert await tenders(shop, in_part) == {"Points": 800, "Cash": 8000}
        assert await tenders(shop, alone) == {"Points": 8800}

    async def test_a_discount_makes_the_sale_smaller(self, shop: TrytonShop) -> None:
        sale = await shop.sell([("CUP-1", 1)], discount=300)
        assert sale.total == 3000

    async def test_goods_given_back_are_a_negative_sale(self, shop: TrytonShop) -> None:
        sale = await shop.give_back([("CUP-1", 1)])
        assert sale.total == -3300
        assert await tenders(shop, sale) == {"Cash": -3300}

    async def test_closing_the_day_shows_a_sale_again(self, shop: TrytonShop) -> None:
        sale = await shop.sell([("CAKE-1", 1)])
        await shop.close_day()
        row = await polled(shop, sale)
        assert row["state"] == "posted"
        assert as_datetime(row["write_date"]) > sale.write_date

    async def test_sales_rung_up_at_once_get_numbers_of_their_own(self, shop: TrytonShop) -> None:
        sales = await asyncio.gather(*(shop.sell([("TEA-1", 1)]) for _ in range(6)))
        assert len({sale.number for sale in sales}) == 6

    async def test_unknown_goods_are_refused(self, shop: TrytonShop) -> None:
        with pytest.raises(TillError, match="no product NOTHING"):
            await shop.sell([("NOTHING", 1)])

    async def test_a_work_folder_serves_one_shop_at_a_time(
        self, shop: TrytonShop, work_dir: Path
    ) -> None:
        with pytest.raises(PeerUnavailable, match="in use"):
            await TrytonShop.start(work_dir, free_port())

    async def test_the_server_ends_with_the_program_which_started_it(
        self, shop: TrytonShop, tmp_path: Path
    ) -> None:
        config = write_config(tmp_path, tmp_path, port=free_port())
        (tmp_path / f"{DATABASE}.sqlite").touch()
        server = await asyncio.create_subprocess_exec(
            str(shop.folder / "venv/bin/python"),
            str(PACKAGE / "serve_shop.py"),
            "-c",
            str(config),
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert server.stdin is not None
        server.stdin.close()
        async with asyncio.timeout(WAIT_SECONDS):
            assert await server.wait() == 0


async def test_a_taken_port_is_not_mistaken_for_the_shop(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PeerUnavailable, match="is taken"):
            await TrytonShop.start(tmp_path, port)


class TestInstall:
    def test_every_python_of_the_hub_has_a_series(self) -> None:
        assert [choose_series((3, minor)) for minor in (11, 12, 13)] == ["8.2"] * 3

    def test_a_python_without_a_series_is_told_so(self) -> None:
        with pytest.raises(PeerUnavailable, match=r"Python >= 3\.10 is needed"):
            choose_series((3, 9))

    async def test_half_an_installation_is_made_anew_and_a_whole_one_is_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs: list[str] = []

        async def tool(command: list[str], *, what: str, **_: Any) -> str:
            runs.append(what.split()[0])
            (tmp_path / "venv").mkdir(exist_ok=True)
            if runs == ["python", "pip"]:
                raise PeerUnavailable("pip install trytond failed: the network is down")
            return ""

        monkeypatch.setattr(installing, "run_tool", tool)
        with pytest.raises(PeerUnavailable, match="network"):
            await installing.install(tmp_path)
        for _ in range(2):
            await installing.install(tmp_path)
        assert runs == ["python", "pip"] * 2
