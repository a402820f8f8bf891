"""Finishing a draft: the entry, its canonical JSON, the books after it."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from renkei.ledger.books import Books, Channel, Group, Lot
from renkei.ledger.chart import Account as A
from renkei.ledger.entry import Cause, digest_of, finish, hash_of, micros
from renkei.ledger.transaction import Allocation, Draft

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)

CANONICAL = (
    '{"content":{"hold":7,"reasons":["さくら \\"x\\""]},"delivery":"dlv_1",'
    '"event_at":1793534400000000,"key":"shop/o1#1","kind":"settle","lots":'
    '[[3,"purchase",30,1793534400000000,1793534400000000,1793620800000000,null,"shop","o1",2,3000,'
    '30,"acme","shibuya","base",["shop","shop/shibuya"]],'
    '[4,"restore",5,1793534400000000,null,null,6,null,null,null,0,0,null,null,"limited",[]]],'
    '"member":"mem_1","note":"c9d0036bed6744bcdf692fc980d8717d7e5f5a4f4e8266b4a84982602fb1cd09",'
    '"order":["shop","o1"],"period":"2026-11","postings":'
    '[["earn","issued","available",35,[[3,0,30,0,0],[4,0,5,0,0]]],'
    '["debt.repay","available","debt",9,[[3,0,-9,0,0],[0,0,0,0,9]]]],'
    '"program":["default",2],"recorded_at":1793534460000000,"root":"mem_1","version":6}'
)


def draft() -> Draft:
    """A draft of one home with two lots, which has earned and repaid."""
    old = Lot(2, "purchase", 5, NOON, NOON, None, available=5, home="mem_1")
    books = Books("mem_1", "default", 5, 2, b"before", debt=-9, lots=(old,))
    made = Draft(Group.alone(books), "mem_1", NOON)
    facts = {"connection": "shop", "order": "o1", "company": "acme", "store": "shibuya"}
    bought = Lot(
        0,
        "purchase",
        30,
        NOON,
        NOON,
        NOON + DAY,
        parent=2,
        net_base=3_000,
        yen_value=30,
        only_at=("shop", "shop/shibuya"),
        **facts,
    )
    sliding = Lot(0, "restore", 5, NOON, None, NOON + DAY, point_type="limited", slides_months=6)
    one, two = made.open_lot(bought), made.open_lot(sliding)
    moves = [Allocation(one, available=30), Allocation(two, available=5)]
    made.post("earn", A.ISSUED, A.AVAILABLE, moves)
    repaid = [Allocation(one, available=-9), Allocation(("mem_1", 0), debt=9)]
    made.post("debt.repay", A.AVAILABLE, A.DEBT, repaid)
    return made


CAUSE = Cause(
    kind="settle",
    key="shop/o1#1",
    program_version=2,
    order=("shop", "o1"),
    delivery="dlv_1",
    reasons=('さくら "x"',),
    note=b"sealed",
    facts={"hold": 7},
)


def test_the_hash_covers_everything_that_is_written_as_canonical_json() -> None:
    ((entry, _),) = finish(draft(), CAUSE, NOON + timedelta(minutes=1), "2026-11")
    assert entry.hash == hashlib.sha256(b"before" + CANONICAL.encode()).digest()
    assert hash_of(entry) == entry.hash
    assert (entry.prev, entry.note, entry.note_digest) == (
        b"before",
        b"sealed",
        hashlib.sha256(b"sealed").digest(),
    )


def test_what_is_absent_is_null_in_the_hash() -> None:
    cause = Cause("adjust", "k1")
    ((entry, _),) = finish(draft(), cause, NOON, "2026-11")
    assert (entry.note, entry.note_digest, entry.order, entry.delivery) == (None, None, None, None)
    assert entry.content == {"reasons": []}
    text = (
        CANONICAL.replace('"hold":7,', "")
        .replace('["さくら \\"x\\""]', "[]")
        .replace('"dlv_1"', "null")
        .replace('"shop/o1#1"', '"k1"')
        .replace('"settle"', '"adjust"')
        .replace('"c9d0036bed6744bcdf692fc980d8717d7e5f5a4f4e8266b4a84982602fb1cd09"', "null")
        .replace('"order":["shop","o1"]', '"order":null')
        .replace('["default",2]', '["default",null]')
        .replace('"recorded_at":1793534460000000', '"recorded_at":1793534400000000')
    )
    assert entry.hash == hashlib.sha256(b"before" + text.encode()).digest()


def test_the_books_go_on_from_the_entry() -> None:
    ((entry, books),) = finish(draft(), CAUSE, NOON, "2026-11")
    assert (books.version, books.lots_made, books.chain) == (6, 4, entry.hash)
    assert (books.debt, books.member, books.program) == (0, "mem_1", "default")
    assert [(lot.number, lot.available) for lot in books.lots] == [(2, 5), (3, 21), (4, 5)]


def test_every_home_that_something_was_booked_in_has_an_entry_of_its_own() -> None:
    lots = [
        Lot(1, "import", 10, NOON, NOON, None, available=10, home=home) for home in ("b", "a", "c")
    ]
    homes = [Books(lot.home, "p", n, 1, b"%d" % n, lots=(lot,)) for n, lot in enumerate(lots)]
    made = Draft(Group("b", tuple(homes)), "b", NOON, Channel("shop"))
    taken = [Allocation(("b", 1), available=-4), Allocation(("a", 1), available=-3)]
    assert made.post("redeem", A.AVAILABLE, A.REDEEMED, taken) == 7
    booked = finish(made, Cause("settle", "k"), NOON, "2026-11")
    assert [(entry.member, entry.version, entry.root, entry.prev) for entry, _ in booked] == [
        ("a", 2, "b", b"1"),
        ("b", 1, "b", b"0"),
    ]
    assert [[posting.amount for posting in entry.postings] for entry, _ in booked] == [[3], [4]]
    assert [[lot.available for lot in books.lots] for _, books in booked] == [[7], [6]]
    assert [entry.new_lots for entry, _ in booked] == [(), ()]


def test_instants_are_whole_microseconds_since_1970() -> None:
    assert micros(None) is None
    assert micros(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    tokyo = datetime(1970, 1, 1, 9, 0, 1, 5, tzinfo=timezone(timedelta(hours=9)))
    assert micros(tokyo) == 1_000_005
    assert micros(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == 253402300799999999


@pytest.mark.parametrize("content", [{"b": "さ", "a": [1, None]}, {"a": [1, None], "b": "さ"}])
def test_the_digest_of_a_content_does_not_depend_on_the_order_of_its_keys(
    content: dict[str, object],
) -> None:
    text = '{"a":[1,null],"b":"さ"}'
    assert digest_of(content) == hashlib.sha256(text.encode()).digest()
