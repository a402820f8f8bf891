"""``renkei stores``, ``facts``, ``products`` and ``program``, from files to a dry run."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE
from renkei_contracts.toolkit.japanese import JST

Command = Callable[..., Any]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
NOON = "2026-06-03T12:00:00+09:00"


@pytest.fixture(autouse=True)
def _on_a_fresh_database(
    server: EmbeddedServer, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database that the commands will use, with a connection ``cart``."""
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
    engine = create_engine(server.url(database=database_name))
    with engine.begin() as conn:
        conn.execute(text("INSERT INTO program VALUES ('default', 'P', 'Asia/Tokyo')"))
        conn.execute(text("INSERT INTO company VALUES ('default', 'C')"))
        conn.execute(
            text(
                "INSERT INTO connection (connection_id, vendor, program_id, company_id, settings,"
                " settles_from, leads, binds_holds, state, created_at) VALUES ('cart', 'acme',"
                " 'default', 'default', '', now(), 'hub', false, 'active', now())"
            )
        )
    engine.dispose()


def cart(tmp_path: Path, at: str, **line: Any) -> str:
    one = {"id": "1", "quantity": 1, "amount": 11_000, "tax_rate": 1000} | line
    order = {
        "ref": {"connection": "cart", "id": "o"},
        "changed_at": at,
        "placed_at": at,
        "state": "paid",
        "location": "shijo",
        "lines": [one],
    }
    (tmp_path / "cart.json").write_text(json.dumps(order))
    return "cart.json"


def program(tmp_path: Path, *campaigns: str) -> str:
    texts = (f"[[campaigns]]\n{one}\n" for one in campaigns)
    (tmp_path / "program.toml").write_text("".join(texts), encoding="utf-8")
    return "program.toml"


def soon() -> datetime:
    """A moment after whatever will be stated, however slow the machine."""
    return datetime.now(UTC) + timedelta(hours=1)


def test_a_dry_run_knows_the_store_the_rain_and_the_product(
    renkei: Command, tmp_path: Path
) -> None:
    rules = program(
        tmp_path,
        "name = 'rain'\nwhen = 'facts[\"rain\"]'\nfixed = 7",
        "name = 'tea'\nlines = '\"tea\" in line.classes'\nwhen = 'true'\nfixed = 5",
    )
    assert renkei("stores", "set", "cart/shijo", "--area", "kyoto", "--day-ends", "26:00").code == 0
    later = soon()
    # The store's day ends at 02:00: between midnight and then it is not yet the calendar's day.
    day = str((later.astimezone(JST) - timedelta(hours=2)).date())
    assert renkei("facts", "state", "rain", "yes", "--area", "kyoto", "--day", day).code == 0
    (tmp_path / "products.csv").write_text("sku,classes\nT-1,tea\n")
    assert renkei("products", "import", "products.csv").code == 0
    tried = renkei(
        "program", "dry-run", rules, cart(tmp_path, later.isoformat(), sku="T-1"), "--json"
    )
    assert {part["rule"]: part["points"] for part in tried.document["parts"]} == {
        "earn": 100,
        "rain": 7,
        "tea": 5,
    }
    before = renkei("program", "dry-run", rules, cart(tmp_path, NOON, sku="T-1"), "--json")
    assert before.document["earned"] == 100
    assert "rain" in str(before.document["refused"])


def test_what_was_stated_is_shown_and_stays(renkei: Command) -> None:
    days = ("--day", "2026-06-03", "--until", "2026-06-05")
    said = renkei("facts", "state", "rain", "yes", *days, "--source", "forecast of 05:00", "--json")
    assert said.document == {"new": 3, "differ": []}
    again = renkei("facts", "state", "rain", "no", "--day", "2026-06-04")
    assert "0 of 1 are new" in again.out
    assert "stays: rain is yes in everywhere on 2026-06-04 (forecast of 05:00" in again.err
    listed = renkei("facts", "list", "--since", "2026-06-05", "--json").document["facts"]
    assert [(one["day"], one["name"], one["value"]) for one in listed] == [
        ("2026-06-05", "rain", True)
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_products_of_a_japanese_export_are_read(
    renkei: Command, tmp_path: Path, encoding: str
) -> None:
    heading = "ＪＡＮコード,商品コード,商品名,分類,単価\n"
    row = "４９０１２３４５６７８９４,Ｔ－１,髙級茶①㈱,tea、drinks,500\n"
    (tmp_path / "p.csv").write_bytes((heading + row).encode(encoding))
    imported = renkei("products", "import", "p.csv", "--json")
    assert imported.document == {"products": 1, "new": 1}
    (found,) = renkei("products", "show", "T-1", "--json").document["products"]
    assert (found["jan"], found["title"]) == ("4901234567894", "髙級茶①㈱")
    assert found["classes"] == ["drinks", "tea"]
    assert "0 new or different" in renkei("products", "import", "p.csv").out


def test_every_fault_of_a_file_is_named_with_its_line_and_nothing_is_taken(
    renkei: Command, tmp_path: Path
) -> None:
    (tmp_path / "p.csv").write_text('jan,title,classes\n4901234567894,"a\nb",tea\n49,x,\n,x,Te_a\n')
    said = renkei("products", "import", "p.csv").refusal
    assert "line 4: jan" in said
    assert "line 5: classes" in said
    assert renkei("products", "show", "--json").document == {"products": []}


def test_a_file_in_no_encoding_of_japan_is_refused(renkei: Command, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(b"sku,title\nA,\x81\n")
    assert "neither UTF-8 nor CP932" in renkei("products", "import", "p.csv").refusal


@pytest.mark.parametrize("content", ["", "name,price\nTea,100\n", 'sku,title\nA,"' + "a" * 200_000])
def test_a_file_that_is_no_table_of_products_is_refused(
    renkei: Command, tmp_path: Path, content: str
) -> None:
    (tmp_path / "p.csv").write_text(content)
    assert "p.csv: is no CSV" in renkei("products", "import", "p.csv").refusal


def test_rows_that_contradict_each_other_are_refused(renkei: Command, tmp_path: Path) -> None:
    rows = "name,area,day,value,source\nrain,kyoto,2026-06-03,yes,a\nrain,kyoto,2026-06-03,no,b\n"
    (tmp_path / "f.csv").write_text(rows)
    assert "yes and no in kyoto" in renkei("facts", "import", "f.csv").refusal
    both = ("--area", "kyoto", "--store", "cart/shijo")
    refusal = renkei("facts", "state", "rain", "yes", *both).refusal
    assert "either --area or --store" in refusal
    assert "datetime" not in refusal


def test_facts_come_from_a_file(renkei: Command, tmp_path: Path) -> None:
    rows = "name,area,day,value,source\nrain,kyoto,2026-06-03,yes,JMA\nsale,,2026-06-04,false,us\n"
    (tmp_path / "f.csv").write_text(rows)
    assert renkei("facts", "import", "f.csv", "--json").document["new"] == 2
    listed = renkei("facts", "list", "--since", "2026-06-01", "--json").document["facts"]
    assert [(one["place"], one["value"]) for one in listed] == [("kyoto", True), ("", False)]
    (tmp_path / "f.csv").write_text("name,day\nrain,3 June\n")
    said = renkei("facts", "import", "f.csv").refusal
    assert "line 2: day" in said
    assert "line 2: source" in said


def test_stores_are_listed_as_they_are_set(renkei: Command) -> None:
    renkei("stores", "set", "cart/shijo", "--area", "kyoto")
    renkei("stores", "set", "cart/shijo", "--day-ends", "02:00")
    renkei("stores", "set", "cart", "--area", "tokyo")
    stores = renkei("stores", "list", "--json").document["stores"]
    assert [(one["store"], one["area"], one["day_ends"]) for one in stores] == [
        ("", "tokyo", 0),
        ("shijo", "kyoto", 120),
    ]
    assert "no connection 'crat'" in renkei("stores", "set", "crat/a", "--area", "x").refusal


def test_validate_says_where_a_law_is_touched(renkei: Command, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[earn]\nkeep = ["tobacco"]\n', encoding="utf-8")
    said = renkei("program", "validate", "p.toml")
    assert said.code == 0
    assert "law, earn.keep tobacco" in said.out
    assert "たばこ事業法" in said.out
    (tmp_path / "p.toml").write_text("", encoding="utf-8")
    assert "law" not in renkei("program", "validate", "p.toml").out


def test_a_program_that_is_not_in_utf_8_is_refused_by_name(renkei: Command, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_bytes('title = "緑茶"\n'.encode("cp932"))
    assert "p.toml: is not UTF-8" in renkei("program", "validate", "p.toml").refusal


def test_a_dry_run_says_when_its_points_can_be_used(renkei: Command, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[earn]\nusable = "next_day"\n', encoding="utf-8")
    said = renkei("program", "dry-run", "p.toml", cart(tmp_path, NOON)).out
    assert "100 points, 100 of them confirmed; usable 1 day(s) later" in said
