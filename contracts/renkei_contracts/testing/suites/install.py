"""Authorization: the merchant's consent brings a token, and nobody else's word does."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import RenkeiError
from renkei_contracts.testing import consent
from renkei_contracts.testing.bench import CONNECTION, Bench
from renkei_contracts.testing.checks import Suite, must, succeeds
from renkei_contracts.testing.vectors import other_first, secrets_of

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
    shown = [name for name, value in secrets_of(bench).items() if value in address]
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
    """Each of its values in turn has another first character, or is left out."""
    callback = await consent.callback(bench)
    pairs = parse_qsl(callback.body.decode())
    for place, (name, value) in enumerate(pairs):
        for new in ([(name, other_first(value))], []):
            body = urlencode([*pairs[:place], *new, *pairs[place + 1 :]]).encode()
            connection = bench.connection()
            taken = await _accepted(bench, connection, replace(callback, body=body))
            token = await connection.tokens.current()
            told = f"finish() must refuse a callback with another {name}, and keep no token"
            must(not taken and token is None, told)


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
