"""Authorization: the merchant's consent brings a token, and nobody else's word does."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import RenkeiError
from renkei_contracts.testing import consent
from renkei_contracts.testing.bench import CONNECTION, Bench
from renkei_contracts.testing.checks import NotApplicable, Suite, must, succeeds
from renkei_contracts.testing.vectors import other_first

suite = Suite("install", "install")


async def _accepted(bench: Bench, connection: Connection[Any], callback: Delivery) -> bool:
    """Whether the callback is taken; a canonical error refuses it."""
    install = bench.install(connection)
    with succeeds("finish() must refuse a callback by a canonical error"):
        try:
            await install.finish(callback)
        except RenkeiError:
            return False
    return True


@suite.check()
async def the_address_of_consent_says_who_asks_and_where_to_return(bench: Bench) -> None:
    """The state proves later that it was this browser."""
    query = parse_qs(urlsplit(consent.address(bench)).query)
    values = {value for several in query.values() for value in several}
    told = "authorize_url() must hold the state and the callback's address, unchanged"
    must({consent.STATE, consent.CALLBACK} <= values, told)


@suite.check()
async def the_address_of_consent_holds_no_secret(bench: Bench) -> None:
    """It is in the browser's history."""
    address = consent.address(bench)
    shown = [name for value, name in bench.given.items() if value in address]
    must(not shown, f"authorize_url() must not hold {shown}")


@suite.check()
async def the_merchants_consent_brings_a_token(bench: Bench) -> None:
    """Which the hub keeps."""
    connection = bench.connection()
    await bench.install(connection).finish(await consent.callback(bench))
    token = await connection.tokens.current()
    told = "finish() must exchange the code and keep the token: connection.tokens.replace"
    must(token is not None and bool(token.access), told)


@suite.check()
async def a_changed_callback_brings_no_token(bench: Bench) -> None:
    """Each of its values but the state in turn has another first character, or is left out."""
    callback = await consent.callback(bench)
    for name, value in parse_qsl(callback.body.decode()):
        for new in (other_first(value), None) if value != consent.STATE else ():
            taken, _ = await _forged(bench, callback, name, new)
            told = f"finish() must refuse a callback with another {name}, and keep no token"
            must(not taken, told)


@suite.check()
async def a_changed_state_brings_no_token(bench: Bench) -> None:
    """Where the vendor proves its callback; elsewhere the hub alone knows whose state it made."""
    callback = await consent.callback(bench)
    pairs = dict(parse_qsl(callback.body.decode()))
    others = {name: value for name, value in pairs.items() if value != consent.STATE}
    forged = [await _forged(bench, callback, one, other_first(others[one])) for one in others]
    if not any(not taken and not calls for taken, calls in forged):
        raise NotApplicable("the vendor signs no callback: the hub compares the state")
    for name in pairs.keys() - others.keys():
        for new in (other_first(consent.STATE), None):
            taken, _ = await _forged(bench, callback, name, new)
            told = f"finish() must refuse a callback with another {name}: it is under the signature"
            must(not taken, told)


async def _forged(bench: Bench, callback: Delivery, name: str, new: str | None) -> tuple[bool, int]:
    """Whether a callback with another value (None: without it) is taken, and the calls made."""
    pairs = [(one, value) for one, value in parse_qsl(callback.body.decode()) if one != name]
    body = urlencode([*pairs, *([(name, new)] if new is not None else [])]).encode()
    connection, before = bench.connection(), bench.begun
    taken = await _accepted(bench, connection, replace(callback, body=body))
    kept = await connection.tokens.current() is not None
    return taken or kept, bench.begun - before


@suite.check()
async def a_callback_of_any_bytes_is_refused(bench: Bench) -> None:
    """Anybody can call that address."""
    for body in (b"", b"\xff\xfe", b"code", b"code=&state=", b"{}", b"a=" * 100_000):
        connection = bench.connection()
        told = "finish() must refuse, by a canonical error, what is no callback of the vendor's"
        callback = Delivery(CONNECTION, bench.clock(), (), body)
        must(not await _accepted(bench, connection, callback), told)


@suite.check()
async def a_code_that_was_used_is_refused(bench: Bench) -> None:
    """The vendor says so, and the plugin passes it on."""
    callback = await consent.callback(bench)
    first, again = bench.connection(), bench.connection()
    await bench.install(first).finish(callback)
    taken = await _accepted(bench, again, callback)
    told = "finish() must raise what the vendor answers to a code that it does not take"
    must(not taken and await again.tokens.current() is None, told)
