"""What a batch decided of orders, and of what names and tells of them, as rows. Pure."""

from renkei.ledger.keys import OrderKey
from renkei.ledger.rows import Row
from renkei.ledger.staged import OrderRow, Staged
from renkei.ledger.target import Settled
from renkei.ledger.world import World


def order_row(row: OrderRow) -> Row:
    """An order's newest state."""
    same_connection, same_ref = row.same or (None, None)
    doubt_connection, doubt_ref = row.doubt or (None, None)
    return {
        "c": row.key[0],
        "r": row.key[1],
        "revision": row.revision,
        "clock": row.clock,
        "read_at": row.read_at,
        "digest": row.digest.hex(),
        "placed_at": row.placed_at,
        "customer": row.customer,
        "m": row.member,
        "sc": same_connection,
        "sr": same_ref,
        "program": row.program,
        "pv": row.program_version,
        "total": row.total,
        "dc": doubt_connection,
        "dr": doubt_ref,
        "apart": row.apart,
        "spent": row.spent,
        "facts": row.facts,
        "document": row.document,
    }


def revision_rows(world: World) -> list[Row]:
    """Every state of an order that was new."""
    return [
        {
            "connection_id": row.key[0],
            "order_ref": row.key[1],
            "revision": row.revision,
            "clock": row.clock,
            "delivery_key": delivery,
            "at": world.now,
            "document": row.document,
        }
        for row, delivery in world.staged.revisions
    ]


def refund_rows(world: World) -> list[Row]:
    """Refunds told apart from their order."""
    return [
        {
            "c": refund.key[0],
            "r": refund.key[1],
            "refund": refund.key[2],
            "digest": refund.digest.hex(),
            "document": refund.document,
            "at": world.now,
        }
        for refund in sorted(world.staged.refunds, key=lambda one: one.key)
    ]


def settled_row(member: str, order: OrderKey, done: Settled) -> Row:
    """What is posted for an order and member."""
    return {
        "m": member,
        "c": order[0],
        "r": order[1],
        "earned": done.earned,
        "redeemed": done.redeemed,
        "lots": done.lots,
        "used": [[home, lot, amount] for (home, lot), amount in done.used],
        "typed": done.typed,
    }


def alert_rows(world: World) -> list[Row]:
    """What a person should look at."""
    return [
        {
            "id": alert.id,
            "kind": alert.kind,
            "m": alert.member,
            "c": alert.order[0] if alert.order else None,
            "r": alert.order[1] if alert.order else None,
            "message": alert.message,
            "at": world.now,
        }
        for alert in world.staged.alerts
    ]


def identity_rows(world: World) -> list[Row]:
    """Identities that are linked from now on."""
    return [
        {
            "kind": new.key[0],
            "scope": new.key[1],
            "blind": new.key[2].hex(),
            "at": world.now,
            "m": new.member,
            "grade": new.grade,
            "by": new.asserted_by,
            "sealed": new.sealed.hex(),
        }
        for new in world.staged.identities
    ]


def request_rows(world: World) -> list[Row]:
    """Keys that were accepted, with what was asked and answered."""
    return [
        {
            "scope": scope,
            "key": key,
            "hex": digest.hex(),
            "answer": answer,
            "at": world.now,
        }
        for (scope, key), (digest, answer) in sorted(world.staged.requests.items())
    ]


def sale_rows(staged: Staged) -> list[Row]:
    """Natural keys of sales at tills."""
    names = ("c", "s", "t", "d", "n", "receipt")
    return [
        dict(zip(names, key, strict=True)) | {"r": ref} for key, ref in sorted(staged.sales.items())
    ]
