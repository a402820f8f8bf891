"""Run a real Tryton point of sale on loopback and do at its till what its clerks do."""

from __future__ import annotations

import asyncio
import datetime
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from renkei_contracts.twin.process import (
    FolderLock,
    PeerProcess,
    PeerUnavailable,
    require_free,
)
from renkei_tryton.peer.install import DATABASE, PACKAGE, install, prepare, write_config
from renkei_tryton.peer.jsonrpc import (
    JsonRpcSession,
    TillError,
    as_date,
    as_datetime,
    as_decimal,
    decimal,
)

ADMINISTRATOR = "admin"
BOOT_SECONDS = 60.0
POLL_SECONDS = 0.1
DISCOUNT = "DISCOUNT"
SALE_FIELDS = (
    "number",
    "date",
    "state",
    "total",
    "total_tax",
    "amount_paid",
    "point.name",
    "currency.code",
    "lines",
    "payments",
    "create_date",
    "write_date",
)


@dataclass(frozen=True)
class Sale:
    """A sale which is rung up and paid; one given back has a negative total."""

    id: int
    number: str
    total: int
    date: datetime.date
    write_date: datetime.datetime


@dataclass(frozen=True)
class _Product:
    id: int
    gross: int
    net: dict[str, Any]


class TrytonShop:
    """A running Tryton server with one till.

    The folder keeps the installation, the prepared database and the shop's own copy of it, so
    that a second start takes seconds and the shop remembers its sales.
    """

    def __init__(self, lock: FolderLock, port: int) -> None:
        self.folder = lock.folder
        self.url = f"http://127.0.0.1:{port}"
        self.database = DATABASE
        self.version = ""
        self._lock = lock
        self._password = ""
        self._process: PeerProcess | None = None
        self._http = httpx.AsyncClient(base_url=self.url, timeout=30, trust_env=False)
        self._rpc = JsonRpcSession(self._http, DATABASE)
        self._products: dict[str, _Product] = {}
        self._tenders: dict[str, int] = {}
        self._till = 0
        # A till has one clerk. Two at once would get the same receipt number: on SQLite, Tryton
        # does not lock its sequences.
        self._one_at_a_time = asyncio.Lock()

    # ------------------------------------------------------------------ start and stop

    @classmethod
    async def start(cls, work_dir: Path, port: int) -> TrytonShop:
        """Install and prepare what is missing in ``work_dir``, then boot the server and log in."""
        require_free(port)
        shop = cls(FolderLock(work_dir / "tryton"), port)
        try:
            await shop._boot(port)
        except BaseException:
            await shop.stop()
            raise
        return shop

    async def stop(self) -> None:
        """Stop the server and everything it started."""
        await self._http.aclose()
        if self._process is not None:
            await self._process.stop()
        self._lock.release()

    @property
    def pid(self) -> int:
        """The process id of the server."""
        assert self._process is not None
        return self._process.pid

    @property
    def administrator(self) -> tuple[str, str]:
        """User name and password for JSON-RPC, as a hub is given them."""
        return ADMINISTRATOR, self._password

    async def _boot(self, port: int) -> None:
        python = await install(self.folder)
        template = await prepare(self.folder, python)
        data = self.folder / template.name.replace("template", "data")
        if not data.is_dir():
            draft = self.folder / "data.draft"
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(template, draft)
            draft.rename(data)
        self._password = (data / "administrator.key").read_text()
        config = write_config(data, data, port=port)
        command = [str(python), str(PACKAGE / "serve_shop.py"), "-c", str(config), "-d", DATABASE]
        log_file = self.folder / "trytond.log"
        self._process = await PeerProcess.launch(command, folder=data, log_file=log_file)
        await self._wait_until_up(self._process, log_file)
        await self._rpc.log_in(*self.administrator)
        await self._look_around()

    async def _wait_until_up(self, process: PeerProcess, log_file: Path) -> None:
        try:
            async with asyncio.timeout(BOOT_SECONDS):
                while not await self._answers():
                    if not process.running:
                        raise PeerUnavailable(f"Tryton did not start: see {log_file}")
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise PeerUnavailable(f"Tryton is not up after {BOOT_SECONDS:.0f} s") from error

    async def _answers(self) -> bool:
        request = {"id": 0, "method": "common.server.version", "params": []}
        try:
            answer = await self._http.post("/rpc/", json=request)
        except httpx.TransportError:
            return False
        self.version = answer.json()["result"]
        return True

    async def _look_around(self) -> None:
        fields = ["code", "gross_price_used", "list_price_used"]
        for row in await self._search("product.product", fields):
            gross = int(as_decimal(row["gross_price_used"]))
            self._products[row["code"]] = _Product(row["id"], gross, row["list_price_used"])
        for row in await self._search("sale.point.payment.method", ["name"]):
            self._tenders[row["name"]] = row["id"]
        (till,) = await self._search("sale.point", ["name"])
        self._till = till["id"]

    # --------------------------------------------------------------------- the till

    async def sell(
        self, items: Sequence[tuple[str, int]], *, points: int = 0, discount: int = 0
    ) -> Sale:
        """Ring up goods by code; pay with points as a tender first, and the rest in cash.

        A discount in yen is a line of its own with a negative quantity.
        """
        lines = list(items) + ([(DISCOUNT, -discount)] if discount else [])
        total = sum(self._product(code).gross * quantity for code, quantity in lines)
        tenders = {"Points": points, "Cash": total - points}
        return await self._ring_up(lines, tenders)

    async def give_back(self, items: Sequence[tuple[str, int]]) -> Sale:
        """Take goods back for cash: a sale of its own with negative quantities.

        Tryton has no link to the sale which it undoes, and pays back in cash only.
        """
        lines = [(code, -quantity) for code, quantity in items]
        total = sum(self._product(code).gross * quantity for code, quantity in lines)
        return await self._ring_up(lines, {"Cash": total})

    async def take_out(self, id: int, code: str, quantity: int) -> None:
        """Open a finished sale again, take pieces out, pay back what is too much, finish it again.

        Raises TillError once the day is closed: a posted sale stays as it is.
        """
        (sale,) = await self._opened(id, ["lines.product.code", "lines.quantity", "payments"])
        line = next(one for one in sale["lines."] if one["product."]["code"] == code)
        left = line["quantity"] - quantity
        change: list[Any] = ["write", [line["id"]], {"quantity": left}]
        lines = [change if left else ["delete", [line["id"]]]]
        await self._write(id, {"lines": lines})
        (now,) = await self._read(id, ["total", "payments.method.name", "payments.amount"])
        by_name = {one["method."]["name"]: as_decimal(one["amount"]) for one in now["payments."]}
        points = int(by_name.get("Points", 0))
        tenders = {"Points": points, "Cash": int(as_decimal(now["total"])) - points}
        payments = [["delete", sale["payments"]], ["create", self._payments(tenders)]]
        await self._write(id, {"payments": payments})
        await self._rpc.model("sale.point.sale", "process", [id])

    async def call_off(self, id: int) -> None:
        """Open a finished sale again, pay everything back, cancel it."""
        (sale,) = await self._opened(id, ["payments"])
        await self._write(id, {"payments": [["delete", sale["payments"]]]})
        await self._rpc.model("sale.point.sale", "cancel", [id])

    async def close_day(self) -> None:
        """Post every finished sale to the accounts, which touches each once more."""
        done = await self._rpc.model("sale.point.sale", "search", [["state", "=", "done"]])
        await self._rpc.model("sale.point.sale", "post", done)

    async def sales(self) -> list[dict[str, Any]]:
        """Return the finished sales as a poll gets them, those changed first coming first."""
        rows: list[dict[str, Any]] = await self._rpc.model(
            "sale.point.sale",
            "search_read",
            [["state", "in", ["done", "posted"]]],
            0,
            None,
            [["write_date", "ASC"], ["id", "ASC"]],
            list(SALE_FIELDS),
        )
        return rows

    async def call(self, model: str, method: str, *parameters: Any) -> Any:
        """Call any method of a model as the administrator."""
        return await self._rpc.model(model, method, *parameters)

    async def _ring_up(self, lines: Sequence[tuple[str, int]], tenders: dict[str, int]) -> Sale:
        values = {
            "point": self._till,
            "lines": [["create", [self._line(code, quantity) for code, quantity in lines]]],
            "payments": [["create", self._payments(tenders)]],
        }
        async with self._one_at_a_time:
            ids = await self._rpc.model("sale.point.sale", "create", [values])
            await self._rpc.model("sale.point.sale", "process", ids)
        (row,) = await self._read(ids[0], ["number", "total", "date", "write_date"])
        return Sale(
            row["id"],
            row["number"],
            int(as_decimal(row["total"])),
            as_date(row["date"]),
            as_datetime(row["write_date"]),
        )

    async def _opened(self, id: int, fields: list[str]) -> list[dict[str, Any]]:
        await self._rpc.model("sale.point.sale", "open", [id])
        return await self._read(id, fields)

    async def _read(self, id: int, fields: list[str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = await self._rpc.model("sale.point.sale", "read", [id], fields)
        return rows

    async def _write(self, id: int, values: dict[str, Any]) -> None:
        await self._rpc.model("sale.point.sale", "write", [id], values)

    def _payments(self, tenders: dict[str, int]) -> list[dict[str, Any]]:
        return [
            {"method": self._tenders[name], "amount": decimal(amount)}
            for name, amount in tenders.items()
            if amount
        ]

    def _line(self, code: str, quantity: int) -> dict[str, Any]:
        product = self._product(code)
        return {
            "product": product.id,
            "quantity": quantity,
            "unit_gross_price": decimal(product.gross),
            "unit_list_price": product.net,
        }

    def _product(self, code: str) -> _Product:
        try:
            return self._products[code]
        except KeyError:
            raise TillError(f"there is no product {code}") from None

    async def _search(self, model: str, fields: list[str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = await self._rpc.model(
            model, "search_read", [], 0, None, None, fields
        )
        return rows
