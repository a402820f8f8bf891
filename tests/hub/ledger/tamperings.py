"""Changes behind the ledger's back, and what verify must say of each."""

from typing import NamedTuple

from renkei.ledger.invariants import CHAIN, NETTED, NUMBERING, ROOTS, STACKS

NO_TRANSACTION = tuple(
    f"DELETE FROM {table} WHERE member_id = :hanako AND version = {{version}}"
    for table in ("allocation", "posting", "chain", "txn")
)


class Case(NamedTuple):
    """What is changed, and what verify must say of it."""

    name: str
    statements: tuple[str, ...]
    invariant: str
    subject: str


def set_value(table: str, values: str, where: str = "") -> tuple[str, ...]:
    """A change of Hanako's row in a table."""
    return (f"UPDATE {table} SET {values} WHERE member_id = :hanako AND {where or 'true'}",)


PROGRAM = "the accounts of each program sum to zero"
SETTLED = "what is posted for an order is what its settlement says"
MOVED = "a posting's amount is what its allocations moved"
COUNTERS = "a lot's counters are the sums of its allocations, and it was granted what was earned"
HOLD = "a hold is what its transaction set aside"
REQUEST = "a request and its answer are as they were recorded"
MERGED = "a member is merged into whom the newest merge says, and never in a circle"
BALANCE = "a member's balances are the sums of their lots, and debt of its allocations"
GUARD = "what is posted is never changed"
ONCE = "what must be there once cannot be there twice"

ADDED = "a row that was added is as it was recorded"
VERSIONS = "a program's versions are numbered without a gap, as many as the feed told of"
TOLD_COUPON = "a coupon of which the feed told is there, with all of its moves"
KEY_OF = "a sale at a till is found by its natural key"

TELL_OF_COUPON = """WITH h AS (UPDATE feed_head SET seq = seq + 1 RETURNING seq)
INSERT INTO feed SELECT 0, seq, 'coupon', '28', 0 FROM h"""
COUPON = (
    "INSERT INTO coupon VALUES"
    " ('28', :hanako, 'default', 1, 'c', 'o', NULL, NULL, 0, now(), NULL, now())"
)
FIRST_SALE, SECOND_SALE = "|shibuya|1|2026-11-01|0|1", "|shibuya|1|2026-03-01|0|2"

NOBODY, SALE = "NULL, NULL", "'cart', 'o1'"

TAMPERINGS = (
    Case(
        "posting_amount",
        set_value("posting", "amount = 99", "version = 1"),
        MOVED,
        "{hanako} transaction 1 leg 1",
    ),
    Case(
        "posting_rule",
        set_value("posting", "rule = 'gift'", "version = 1"),
        "every posting is in the table of rules",
        "{hanako} transaction 1 leg 1",
    ),
    Case(
        "lot_counter",
        set_value("lot", "available = available - 1", "lot = 3"),
        COUNTERS,
        "{hanako} lot 3",
    ),
    Case(
        "lot_expired",
        set_value("lot", "available = 0, expired = available, open = false", "lot = 3"),
        COUNTERS,
        "{hanako} lot 3",
    ),
    Case(
        "lot_netted",
        ("UPDATE lot SET netted = netted - 1 WHERE member_id = :taro AND lot = 4",),
        NETTED,
        "{taro} lot 4",
    ),
    Case(
        "lot_date",
        set_value("lot", "expires_at = expires_at + interval '1 year'", "lot = 3"),
        CHAIN,
        "{hanako} transaction 3",
    ),
    Case(
        "lot_granted",
        set_value("lot", "granted = granted + 1", "lot = 3"),
        COUNTERS,
        "{hanako} lot 3",
    ),
    Case(
        "lot_year",
        set_value("lot", "grant_year = 2025", "lot = 3"),
        "a lot was made by a transaction, in its year",
        "{hanako} lot 3",
    ),
    Case(
        "lot_usable_later_than_it_was_used",
        set_value("lot", "usable_from = '2026-12-01Z'", "lot = 1"),
        "no request takes points before they are usable or after they ended",
        "{hanako} transaction 7 lot 1",
    ),
    Case(
        "lot_deleted",
        ("DELETE FROM lot WHERE member_id = :hanako AND lot = 5",),
        COUNTERS,
        "{hanako} lot 5",
    ),
    Case(
        "last_transaction_deleted",
        tuple(one.format(version=13) for one in NO_TRANSACTION),
        NUMBERING,
        "{hanako} transaction 13",
    ),
    Case(
        "middle_transaction_deleted",
        tuple(one.format(version=9) for one in NO_TRANSACTION),
        NUMBERING,
        "{hanako} transaction 9",
    ),
    Case(
        "transactions_swapped",
        tuple(
            statement
            for table in ("txn", "chain", "posting", "allocation")
            for one, other in ((8, 1008), (9, 8), (1008, 9))
            for statement in set_value(table, f"version = {other}", f"version = {one}")
        ),
        CHAIN,
        "{hanako} transaction 8",
    ),
    Case(
        "chain_cut_and_joined",
        set_value("chain", "prev = '\\x00'", "version = 5"),
        CHAIN,
        "{hanako} transaction 5",
    ),
    Case(
        "allocation_to_another_lot",
        set_value("allocation", "lot = 3", "version = 4"),
        COUNTERS,
        "{hanako} lot 3",
    ),
    Case(
        "head_balance",
        set_value("member", "available = available + 1000"),
        BALANCE,
        "{hanako} balance",
    ),
    Case(
        "head_pending",
        set_value("member", "pending = 1"),
        PROGRAM,
        "program default",
    ),
    Case(
        "head_held",
        set_value("member", "held = 1"),
        "what is held is the sum of the open holds",
        "{hanako} held",
    ),
    Case(
        "head_lots",
        set_value("member", "lots = 9"),
        "a member's lots are numbered without a gap",
        "{hanako} lots",
    ),
    Case("head_chain", set_value("member", "chain = '\\x00'"), CHAIN, "{hanako} transaction 13"),
    Case(
        "head_version",
        set_value("member", "version = version + 1"),
        NUMBERING,
        "{hanako} transaction 14",
    ),
    Case(
        "hold_amount",
        set_value("hold", "amount = 31", "key = 'h2'"),
        HOLD,
        "{hanako} hold of transaction 7",
    ),
    Case(
        "hold_lapses_later",
        set_value("hold", "lapses_at = lapses_at + interval '1 day'", "key = 'h2'"),
        HOLD,
        "{hanako} hold of transaction 7",
    ),
    Case(
        "hold_of_another_channel",
        set_value("hold", "connection_id = 'cart'", "key = 'h2'"),
        HOLD,
        "{hanako} hold of transaction 7",
    ),
    Case(
        "hold_of_another_lead",
        set_value("hold", "lead_version = 8", "key = 'h2'"),
        "a hold has its request, and its first part",
        "{hanako} hold of transaction 7",
    ),
    Case(
        "hold_end_removed",
        ("DELETE FROM hold_end WHERE member_id = :hanako AND how = 'released'",),
        "a hold ends once, and its end is what was booked",
        "{hanako} transaction 9",
    ),
    Case(
        "hold_end_of_another_kind",
        set_value("hold_end", "how = 'lapsed'", "how = 'released'"),
        "a hold ends once, and its end is what was booked",
        "{hanako} transaction 9",
    ),
    Case(
        "hold_extension_skipped",
        set_value("hold_extension", "n = 2"),
        "an extension of a hold is later than the one before",
        "{hanako} hold of transaction 7",
    ),
    Case(
        "settled_sum",
        set_value("settled", "earned = earned + 1", "order_ref = 'o1'"),
        SETTLED,
        "order cart/o1 {hanako}",
    ),
    Case(
        "settled_lots",
        set_value("settled", "lots = '[3, 2]'", "order_ref = 'o2'"),
        "a settlement names the lots its order made",
        "{hanako} order cart/o2",
    ),
    Case(
        "settled_stack",
        ("UPDATE settled SET used = replace(used::text, ',1,', ',3,')::json WHERE redeemed = 40",),
        STACKS,
        "{hanako} order pos/|shibuya|1|2026-11-01|0|1",
    ),
    Case(
        "settled_stack_unreadable",
        set_value("settled", "used = '7'", "redeemed = 40"),
        STACKS,
        "{hanako} order pos/|shibuya|1|2026-11-01|0|1",
    ),
    Case(
        "order_of_somebody_else",
        ("UPDATE orders SET member_id = :taro WHERE order_ref = 'o1'",),
        "an order's points are its own member's, none where it does not count",
        "{hanako} order cart/o1",
    ),
    Case(
        "order_by_another_version",
        ("UPDATE orders SET program_version = 2 WHERE order_ref = 'o1'",),
        "an order is evaluated by one version of the program",
        "{hanako} transaction 1",
    ),
    Case(
        "order_unreadable",
        ("UPDATE orders SET document = '7' WHERE order_ref = 'o1'",),
        "an order stands as its newest revision",
        "what is stored",
    ),
    Case(
        "settled_stack_no_database_can_read",
        (r"""UPDATE settled SET used = '{"a"\: "\u0000"}' WHERE order_ref = 'o1'""",),
        STACKS,
        "what is stored",
    ),
    Case(
        "lot_for_ever",
        set_value("lot", "expires_at = 'infinity'", "lot = 3"),
        CHAIN,
        "{hanako} transaction 3",
    ),
    Case(
        "lot_usable_since_ever",
        set_value("lot", "usable_from = '-infinity'", "lot = 3"),
        CHAIN,
        "{hanako} transaction 3",
    ),
    Case(
        "hold_for_ever",
        set_value("hold", "lapses_at = 'infinity'", "key = 'h2'"),
        HOLD,
        "{hanako} hold of transaction 7",
    ),
    Case(
        "sealed_for_ever",
        ("UPDATE period SET sealed_at = 'infinity' WHERE sealed_at IS NOT NULL",),
        ROOTS,
        "program default period 2026-10",
    ),
    Case(
        "order_revision_changed",
        ("UPDATE order_revision SET document = '{}' WHERE order_ref = 'o1'",),
        "an order stands as its newest revision",
        "order cart/o1 revision 1",
    ),
    Case(
        "order_revision_of_before",
        (
            "UPDATE order_revision SET document = replace(document::text, 'placed', 'paid')::json"
            " WHERE order_ref = 'o2' AND revision = 1",
        ),
        "a revision of an order is as it was recorded",
        "order cart/o2 revision 1",
    ),
    Case(
        "order_revision_deleted",
        ("DELETE FROM order_revision WHERE order_ref = 'o2' AND revision = 2",),
        "an order's revisions are numbered without a gap up to the newest",
        "order cart/o2 revision 3",
    ),
    Case(
        "quota_used",
        ("UPDATE quota SET used = 149 WHERE used = 150",),
        "a quota's use is the sum of its claims, and never above its limit",
        "quota campaign/autumn 2026",
    ),
    Case(
        "claim_deleted",
        ("DELETE FROM quota_claim WHERE claimant = 'cart/o1' AND high_water = 100",),
        "a quota's use is the sum of its claims, and never above its limit",
        "quota campaign/autumn 2026",
    ),
    Case(
        "request_answer",
        ("UPDATE request_key SET answer = '{}' WHERE key = 'h2'",),
        REQUEST,
        "request hold/trm_1 h2",
    ),
    Case(
        "request_digest",
        ("UPDATE request_key SET digest = 'other' WHERE key = 'k1'",),
        REQUEST,
        "request adjust k1",
    ),
    Case(
        "request_of_a_hold_deleted",
        ("DELETE FROM request_key WHERE key = 'h2'",),
        "a hold has its request, and its first part",
        "{hanako} hold of transaction 7",
    ),
    Case(
        "request_of_an_adjustment_deleted",
        ("DELETE FROM request_key WHERE scope = 'adjust' AND key = 'k1'",),
        "a correction has its request",
        "{saburo} transaction 5",
    ),
    Case(
        "request_of_a_sale_deleted",
        ("DELETE FROM request_key WHERE key LIKE '%|1#1'",),
        "every state of a sale that a till committed has its request",
        "order pos/|shibuya|1|2026-11-01|0|1 sale/pos",
    ),
    Case(
        "feed_row_deleted",
        ("DELETE FROM feed WHERE feed_seq = 5",),
        "the feed has no gap",
        "feed lane 0 head {feed}",
    ),
    Case(
        "feed_row_newer",
        (
            "UPDATE feed SET version = 99 WHERE feed_seq = (SELECT min(feed_seq) FROM feed "
            "WHERE kind = 'balance' AND object_id = :hanako)",
        ),
        "the feed tells each member's versions in order, up to the newest",
        "{hanako} feed 6",
    ),
    Case(
        "mirror_version",
        set_value("mirror", "wanted_version = 7"),
        "a mirror wants the newest version and never shows a newer one",
        "{hanako} mirror at cart",
    ),
    Case(
        "sealed_before_its_last_entries",
        ("UPDATE period SET sealed_at = '2026-11-02Z'",),
        "nothing is recorded in a month after its seal",
        "{hanako} transaction 13",
    ),
    Case(
        "root_of_a_sealed_month",
        ("UPDATE period SET merkle_root = 'other' WHERE sealed_at IS NOT NULL",),
        ROOTS,
        "program default period 2026-10",
    ),
    Case(
        "seal_moved",
        ("UPDATE period SET sealed_at = sealed_at + interval '1 day'",),
        ROOTS,
        "program default period 2026-10",
    ),
    Case(
        "unsealed",
        ("UPDATE period SET merkle_root = 'root', signature = 'signature'",),
        "a month has a root and a signature only when it is sealed",
        "program default period 2026-11",
    ),
    Case(
        "period_deleted",
        ("DELETE FROM period",),
        "nothing is recorded in a month after its seal",
        "{hanako} transaction 1",
    ),
    Case(
        "note_added",
        ("INSERT INTO txn_note VALUES (:hanako, 1, 'secret')",),
        "a note is the one whose digest the transaction keeps",
        "{hanako} transaction 1",
    ),
    Case(
        "note_changed",
        ("UPDATE txn_note SET sealed = 'other' WHERE (member_id, version) = (:saburo, 5)",),
        "a note is the one whose digest the transaction keeps",
        "{saburo} transaction 5",
    ),
    Case(
        "circle",
        (
            "UPDATE member SET merged_into = :taro WHERE member_id = :hanako",
            "UPDATE member SET merged_into = :hanako WHERE member_id = :taro",
        ),
        MERGED,
        "{hanako} merged",
    ),
    Case(
        "pointer_dropped",
        ("UPDATE member SET merged_into = NULL WHERE member_id = :jiro",),
        MERGED,
        "{jiro} merged",
    ),
    *(
        Case(
            f"coupon_{name}",
            (
                "INSERT INTO coupon VALUES"
                " ('28', :hanako, 'default', 1, 'c', 'o', NULL, NULL, 0, now(), NULL, now())",
                "INSERT INTO coupon_move VALUES"
                + ",".join(
                    f" ('28', {n}, '{what}', {holder}, {order}, now())"
                    for n, what, holder, order in moves
                ),
            ),
            "a coupon's moves are numbered without a gap, and it is used once until it is given"
            " back",
            "{hanako} coupon 28",
        )
        for name, moves in (
            ("used_twice", ((1, "captured", NOBODY, SALE), (2, "captured", NOBODY, SALE))),
            ("given_back_unused", ((1, "given_back", NOBODY, SALE),)),
            ("move_missing", ((2, "captured", NOBODY, SALE),)),
            (
                "used_when_taken_back",
                ((1, "taken_back", NOBODY, "NULL, NULL"), (2, "captured", NOBODY, SALE)),
            ),
            ("released_when_free", ((1, "released", NOBODY, "NULL, NULL"),)),
        )
    ),
    Case(
        "allowance_without_a_hold",
        (
            "INSERT INTO allowance VALUES ('alw_1', 'trm_1', 'k', :hanako, 'pos', 5, now(),"
            " now() + interval '1 hour', now() + interval '2 hours')",
        ),
        "an allowance is what its hold set aside",
        "{hanako} allowance alw_1",
    ),
    Case(
        "allowance_used_by_no_sale",
        (
            "INSERT INTO allowance VALUES ('alw_1', 'trm_1', 'k', :hanako, 'pos', 5, now(),"
            " now() + interval '1 hour', now() + interval '2 hours')",
            "INSERT INTO allowance_use VALUES ('alw_1', 1, 1, 'x', 5, now())",
        ),
        "a use of an allowance is told with a sale of its connection",
        "{hanako} allowance alw_1 use 1",
    ),
    *(
        Case(
            f"settled_typed_{n}",
            (f"UPDATE settled SET typed = '{typed}' WHERE order_ref = 'o1'",),
            "what an order earned of point types is no more than it earned, and there are such"
            " lots",
            "{hanako} order cart/o1",
        )
        for n, typed in enumerate(('[["gold", 1]]', '[["base", 999999]]', '{"base": 1}'))
    ),
    Case(
        "coupon_for_points_nobody_gave",
        (
            "INSERT INTO coupon VALUES ('28', :hanako, 'default', 1, 'c', 'o', 'app', 'reward/k',"
            " 150, now(), NULL, now())",
        ),
        "an exchange has its request, and its points as long as its coupon is not taken back",
        "{hanako} coupon 28",
    ),
    Case("coupon_deleted", (TELL_OF_COUPON,), TOLD_COUPON, "coupon 28"),
    Case(
        "coupon_move_deleted",
        (COUPON, TELL_OF_COUPON, TELL_OF_COUPON),
        TOLD_COUPON,
        "coupon 28",
    ),
    Case(
        "program_version_deleted",
        ("DELETE FROM program_version",),
        VERSIONS,
        "program default version 0",
    ),
    Case(
        "program_version_skipped",
        ("INSERT INTO program_version SELECT program_id, 3, now(), document FROM program_version",),
        VERSIONS,
        "program default version 3",
    ),
    Case(
        "copy_without_evidence",
        ("UPDATE orders SET same_connection = 'cart', same_ref = 'o2' WHERE order_ref = 'o1'",),
        "an order that is counted elsewhere says why",
        "order cart/o1",
    ),
    Case(
        "copy_that_counts_again",
        ("INSERT INTO same_as VALUES ('cart', 'o1', 'cart', 'o2', 'natural key', now())",),
        "an order that is counted elsewhere says why",
        "order cart/o1",
    ),
    Case(
        "natural_key_deleted",
        (f"DELETE FROM order_key WHERE order_ref = '{FIRST_SALE}'",),
        KEY_OF,
        f"order pos/{FIRST_SALE}",
    ),
    Case(
        "natural_key_of_another_sale",
        (f"UPDATE order_key SET order_ref = '{SECOND_SALE}' WHERE order_ref = '{FIRST_SALE}'",),
        "a natural key is that of its sale",
        f"order pos/{SECOND_SALE}",
    ),
    Case(
        "allowance_deleted",
        set_value("hold", "scope = 'allowance/trm_1'", "key = 'h2'"),
        "an allowance is what its hold set aside",
        "{hanako} allowance/trm_1 h2",
    ),
    Case(
        "tier_reached_deleted",
        set_value("txn", "kind = 'tier', key = 'gold/ever'", "version = 5"),
        "points for a tier have their mark that it was reached",
        "{hanako} transaction 5",
    ),
    Case(
        "order_of_a_program_without_its_version",
        ("UPDATE orders SET program_version = NULL WHERE order_ref = 'o1'",),
        "an order stands as its newest revision",
        "order cart/o1 revision 1",
    ),
    Case(
        "order_of_another_program",
        ("UPDATE orders SET program_id = NULL WHERE order_ref = 'o1'",),
        "an order is evaluated by one version of the program",
        "{hanako} transaction 1",
    ),
    Case(
        "digest_missing",
        ("UPDATE refund SET row_digest = NULL WHERE order_ref = 'j1'",),
        ADDED,
        "refund cart/j1/cart/r1",
    ),
    Case("merge_deleted", ("DELETE FROM member_merge WHERE n = 2",), MERGED, "{jiro} merged"),
    Case(
        "version_lead",
        ("UPDATE member SET version_lead = version_lead + 1 WHERE member_id = :jiro",),
        "the feed tells each member's versions in order, up to the newest",
        "{saburo} feed {feed}",
    ),
    *(
        Case(
            f"txn_{column}_{n}",
            set_value("txn", f"{column} = {value}", "version = 5"),
            CHAIN,
            "{hanako} transaction 5",
        )
        for n, (column, value) in enumerate(
            (
                ("event_at", "event_at - interval '1 second'"),
                ("recorded_at", "recorded_at + interval '1 microsecond'"),
                ("period", "'2026-10'"),
                ("content", '\'{"reasons": ["gift"]}\''),
                ("content", r"""'{"reasons"\: ["\ud800"]}'"""),
                ("content", "(repeat('[', 3000) || repeat(']', 3000))::json"),
                ("content", "repeat('9', 5000)::json"),
                ("kind", "'adjust'"),
                ("key", "'another'"),
                ("program_version", "2"),
                ("order_ref", "'o1'"),
                ("order_ref", "NULL"),
                ("delivery_key", "'dlv_9'"),
                ("group_root", "'mem_9'"),
                ("note_digest", "'digest'"),
            )
        )
    ),
)
