"""Worker processes whose ledger is broken in one place: the judge must find each."""

from multiprocessing.connection import Connection
from typing import Any

from renkei.ledger import journal
from renkei.ledger.target import Settled
from renkei.services import attempt
from renkei.services.orders import settle
from renkei.services.points import hold
from renkei.services.till import sale
from renkei.simulation import workers
from renkei.simulation.workers import Post

Pipe = Connection


def forgets_requests(post: Post, pipe: Pipe) -> None:
    """No answer is remembered."""
    journal._keys = lambda page, world: None
    workers.serve(post, pipe)


def forgets_what_is_posted(post: Post, pipe: Pipe) -> None:
    """An order that is told again is booked again."""
    attempt.Attempt.settled_of = lambda self, member, order: Settled()
    workers.serve(post, pipe)


def believes_what_is_older(post: Post, pipe: Pipe) -> None:
    """The state that is told last wins, whatever its clock."""
    true = settle.compare

    def wrong(*seen: Any) -> str:
        verdict = true(*seen)
        return "newer" if verdict == "older" else verdict

    settle.compare = wrong
    workers.serve(post, pipe)


def forgets_debt(post: Post, pipe: Pipe) -> None:
    """Requests use points that debt has eaten."""
    true = hold.spendable
    wrong = lambda lots, debt, *more: true(lots, 0, *more)  # noqa: E731
    hold.spendable = sale.spendable = wrong
    workers.serve(post, pipe)


def is_mean(post: Post, pipe: Pipe) -> None:
    """Requests are refused though the last points would do."""
    true = hold.spendable
    wrong = lambda *seen: max(0, true(*seen) - 5)  # noqa: E731
    hold.spendable = sale.spendable = wrong
    workers.serve(post, pipe)


def does_not_count_claims(post: Post, pipe: Pipe) -> None:
    """Claims leave the quota as it is."""
    attempt.claim = lambda quota, top, wanted: (quota, max(top, wanted))
    workers.serve(post, pipe)


def commits_in_the_middle(post: Post, pipe: Pipe) -> None:
    """A batch is written in two transactions: a killed process leaves half of it."""
    true = journal.travel

    async def wrong(conn: Any, statements: Any) -> Any:
        half = len(statements) // 2
        first = await true(conn, statements[:half])
        await (await conn.get_raw_connection()).driver_connection.commit()
        return [*first, *await true(conn, statements[half:])]

    journal.travel = wrong
    workers.serve(post, pipe)
