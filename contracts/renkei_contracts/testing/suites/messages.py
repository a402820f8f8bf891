"""Messages: they reach the member they are for, as they were written."""

from renkei_contracts.errors import GiveUp
from renkei_contracts.ids import ExternalRef
from renkei_contracts.testing.bench import CONNECTION, Bench
from renkei_contracts.testing.checks import NotApplicable, Suite, must
from renkei_contracts.testing.shop import HANAKO, TARO, enrolled
from renkei_contracts.twin.shown import ShowsMessages

suite = Suite("messages", "messages")

TEXT = "花子様\n120ポイントが付きました🎉 <お礼> & 5% OFF"


async def _shown(bench: Bench, customer: str) -> list[str]:
    twin = bench.twin
    if not isinstance(twin, ShowsMessages):
        raise NotApplicable("the twin does not show messages: see twin/shown.py")
    return list(await twin.messages_shown(customer))


@suite.check("register")
async def a_message_reaches_its_member_once(bench: Bench) -> None:
    """And nobody else."""
    hanako, taro = await enrolled(bench.twin, HANAKO), await enrolled(bench.twin, TARO)
    await bench.messages().send(ExternalRef(connection=CONNECTION, id=hanako.id), "こんにちは")
    told = "send() must send the message once, to the customer that the reference names"
    must(len(await _shown(bench, hanako.id)) == 1 and not await _shown(bench, taro.id), told)


@suite.check("register")
async def a_message_arrives_as_it_was_written(bench: Bench) -> None:
    """With its lines, its marks and its pictures."""
    hanako = await enrolled(bench.twin)
    await bench.messages().send(ExternalRef(connection=CONNECTION, id=hanako.id), TEXT)
    told = "send() must pass the text on as it is: no escaping, no trimming"
    must(await _shown(bench, hanako.id) == [TEXT], told)


@suite.check()
async def a_message_to_nobody_is_given_up(bench: Bench) -> None:
    """Trying again brings no customer."""
    try:
        await bench.messages().send(ExternalRef(connection=CONNECTION, id="0"), "こんにちは")
    except GiveUp:
        return
    must(False, "send() must raise NotFound or Rejected where the vendor has no such customer")
