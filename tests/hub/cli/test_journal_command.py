"""``renkei journal import``: a day of a till that only exports."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE

Command = Callable[..., Any]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
HEAD = "店舗,レジ番号,営業日,レシート番号,取引日時,会員番号,利用ポイント,商品名,数量,金額,税率\r\n"
GOOD = (
    '渋谷,1,2026/11/26,0001,2026/11/26 10:00,29000001,,紅茶,2,"1,080",8%\r\n'
    "渋谷,1,2026/11/26,0002,2026/11/26 10:05,,,傘,1,3300,10\r\n"
    '渋谷,1,2026/11/26,0001,2026/11/26 10:00,29000001,,皿,1,"11,000",10%\r\n'
)
FAULTY = (
    "渋谷,1,2026/11/26,0003,2026/11/26 10:00,29000001,,紅茶,2,千円,8%\r\n"
    "渋谷,1,2026/11/26,0004,2026/11/26 10:00,29000001,5,紅茶,1,1080,八\r\n"
)


@pytest.fixture(autouse=True)
def _on_a_fresh_database(
    server: EmbeddedServer, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)


@pytest.fixture
def count(server: EmbeddedServer, database_name: str) -> Callable[[str], int]:
    def rows(table: str) -> int:
        engine = create_engine(server.url(database=database_name))
        with engine.begin() as conn:
            found = int(conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
        engine.dispose()
        return found

    return rows


def test_a_journal_is_booked_once_and_only_as_a_whole(
    renkei: Command, tmp_path: Path, count: Callable[[str], int]
) -> None:
    journal = ("journal", "import", "sales.csv", "--connection", "pos")
    file = tmp_path / "sales.csv"

    file.write_bytes((HEAD + GOOD + FAULTY).encode("cp932"))
    refusal = renkei(*journal).refusal
    assert "line 5: amount: '千円' is no whole number" in refusal
    assert "line 6: tax_rate: is a rate in per cent: 10, 8" in refusal
    other = GOOD.replace("10:00,29000001,,皿", "10:09,29000001,,皿")
    file.write_bytes((HEAD + other).encode("utf-8-sig"))
    assert "line 4: sold_at is another than on line 2" in renkei(*journal).refusal
    file.write_bytes((HEAD + GOOD.replace("29000001", "none")).encode())
    assert "line 2: card: 'none' is no card number" in renkei(*journal).refusal
    assert count("orders") == 0

    file.write_bytes((HEAD + GOOD).encode("cp932"))
    tried = renkei(*journal, "--dry-run", "--json").document
    assert (tried["receipts"], tried["new"], count("orders"), count("member")) == (2, 2, 0, 0)
    booked = renkei(*journal, "--json").document
    assert (booked["new"], booked["known"], booked["earned"]) == (2, 0, 110)
    again = renkei(*journal)
    assert (again.code, "0 booked, 2 were known" in again.out) == (0, True)
    assert (count("orders"), count("member"), count("txn")) == (2, 1, 1)


def test_sales_from_before_the_connection_counts_are_told_apart(
    renkei: Command, tmp_path: Path, server: EmbeddedServer, database_name: str
) -> None:
    (tmp_path / "sales.csv").write_text(HEAD + GOOD)
    journal = ("journal", "import", "sales.csv", "--connection", "pos")
    renkei(*journal, "--dry-run")
    engine = create_engine(server.url(database=database_name))
    with engine.begin() as conn:
        since = "2026-11-26 10:03+09"
        conn.execute(text(f"UPDATE connection SET settles_from = '{since}'"))
    engine.dispose()
    for options in (("--dry-run",), ()):
        told = renkei(*journal, "--json", *options).document
        assert (told["new"], told["history"], told["earned"]) == (1, 1, 0)
    (tmp_path / "sales.csv").write_text(HEAD + GOOD.replace(",000", ",900"))
    assert "1 booked, 0 were known, 1 kept as history" in renkei(*journal).out


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (
            HEAD + "渋谷,1,2026/11/26,1,2026/11/26 10:00,,,紅茶,1,1,080,8\r\n",
            "line 2 has more cells than there are columns",
        ),
        (
            HEAD.replace("商品名", "amount") + GOOD,
            "two columns are headed amount",
        ),
    ],
)
def test_a_table_whose_cells_are_of_no_or_two_columns_is_refused(
    renkei: Command, tmp_path: Path, count: Callable[[str], int], table: str, why: str
) -> None:
    file = tmp_path / "sales.csv"
    file.write_text(table, encoding="utf-8", newline="")
    assert why in renkei("journal", "import", "sales.csv", "--connection", "pos").refusal
    assert count("orders") == 0


def test_times_are_read_as_a_spreadsheet_writes_them_and_never_as_seconds(
    renkei: Command, tmp_path: Path, count: Callable[[str], int]
) -> None:
    journal = ("journal", "import", "sales.csv", "--connection", "pos")
    file = tmp_path / "sales.csv"
    line = "渋谷,1,2026/11/5,0001,{at},,,傘,1,3300,10\r\n"
    for at in ("20261105", "1764900000", "9:05"):
        file.write_text(HEAD + line.format(at=at))
        assert "line 2: sold_at: is a date and a time" in renkei(*journal).refusal
    file.write_text(HEAD + line.format(at="2026/11/5 9:05"))
    assert renkei(*journal, "--json").document["new"] == 1
    assert count("orders") == 1


def test_one_sale_that_cannot_be_booked_stops_no_other(renkei: Command, tmp_path: Path) -> None:
    journal = ("journal", "import", "sales.csv", "--connection", "pos")
    late = "渋谷,1,2199/11/26,0009,2199/11/26 10:00,,,傘,1,3300,10\r\n"
    (tmp_path / "sales.csv").write_text(HEAD + late + GOOD)
    taken = renkei(*journal, "--json").document
    assert (taken["new"], [one["line"] for one in taken["refused"]]) == (2, [2])


def test_a_receipt_whose_name_is_too_long_is_a_fault_with_its_line(
    renkei: Command, tmp_path: Path
) -> None:
    file = tmp_path / "sales.csv"
    file.write_text(HEAD + GOOD + GOOD.replace("渋谷", "渋" * 200))
    refusal = renkei("journal", "import", "sales.csv", "--connection", "pos").refusal
    assert "line 5: " in refusal
    assert "more than 190 characters" in refusal


def test_a_misspelt_connection_is_refused(renkei: Command, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(HEAD + GOOD, "utf-8")
    refusal = renkei("journal", "import", "sales.csv", "--connection", "poz").refusal
    assert "no connection poz;" in refusal
