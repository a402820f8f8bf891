"""Orders: every yen of them, by tax rate, whatever has happened to the sale."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from renkei_contracts.capability import Orders
from renkei_contracts.errors import PayloadInvalid, RenkeiError
from renkei_contracts.member import IdentityKind
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.stage import Item
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import NotApplicable, must, succeeds
from renkei_contracts.testing.lists import later
from renkei_contracts.testing.shop import HANAKO, NOBODY, enrolled, sale, some_items
from renkei_contracts.testing.spoiling import with_text
from renkei_contracts.testing.suites.orders import suite
from renkei_contracts.testing.trying import PLENTY, keys_of, patiently
from renkei_contracts.testing.worth import worth
from renkei_contracts.twin.faults import Fault

BASIS_POINTS = 10_000


@suite.check()
async def the_lines_of_a_sale_are_what_the_buyer_owes(bench: Bench) -> None:
    """Points are earned on them, by tax rate."""
    await _adds_up(bench, await sale(bench.twin))


@suite.check()
async def the_lines_of_a_sale_are_the_goods_that_were_bought(bench: Bench) -> None:
    """Campaigns are about products and pieces."""
    items = await some_items(bench.twin)
    order = await bench.orders().fetch(await sale(bench.twin, items=items))
    told = [(line.sku, line.tax_rate) for line in order.lines for _ in range(line.quantity)]
    bought = [(item.sku, item.tax_rate) for item in items for _ in range(item.quantity)]
    must(
        Counter(told) == Counter(bought),
        "each line must carry the product's sku, its pieces, and its tax rate in basis points",
    )


@suite.check()
async def an_order_in_another_currency_is_refused_by_name(bench: Bench) -> None:
    """Points are counted in yen: whoever looks after the shop must hear of it, and of which."""
    id = await sale(bench.twin)
    bench.on_the_way = with_text(b'"JPY"', b'"USD"')
    before = len(bench.exchanges)
    try:
        await bench.orders().fetch(id)
    except PayloadInvalid as error:
        must(id in str(error), "fetch() must name the order that is not in yen: PayloadInvalid")
    else:
        answers = [one.response for one in bench.exchanges[before:] if one.response is not None]
        if not any(b'"USD"' in answer.content for answer in answers):
            raise NotApplicable("the vendor's answers do not say a currency")
        must(False, "fetch() must raise PayloadInvalid for an order that is not in yen")


@suite.check()
async def a_product_in_two_lines_is_owed_twice(bench: Bench) -> None:
    """A cashier scans it again: a line's id is not its product's."""
    first, *_ = await some_items(bench.twin)
    one, two = replace(first, quantity=1), replace(first, quantity=2)
    told = "each line must have an id of its own, also where two are of one product"
    with succeeds(told):
        order = await _adds_up(bench, await sale(bench.twin, items=[one, two]))
    must(sum(line.quantity for line in order.lines) == 3, told)


@suite.check("guest")
async def the_lines_of_a_guests_sale_are_what_the_buyer_owes(bench: Bench) -> None:
    """It counts in every report."""
    await _adds_up(bench, await sale(bench.twin, NOBODY))


@suite.check("nameless")
async def a_customer_without_an_address_owes_the_same(bench: Bench) -> None:
    """Half of what is known of them is missing."""
    buyer = await enrolled(bench.twin, replace(HANAKO, email=""))
    order = await _adds_up(bench, await sale(bench.twin, buyer))
    mails = [one for one in order.identities if one.kind is IdentityKind.EMAIL]
    must(not mails, "a customer without an e-mail address must have no e-mail identity: not empty")


@suite.check("refund")
async def a_piece_that_came_back_is_owed_no_more(bench: Bench) -> None:
    """Points for it are taken back, and for nothing else."""
    items = await some_items(bench.twin)
    id = await sale(bench.twin, items=items)
    await _refund(bench, id, items[0].sku)
    order = await _adds_up(bench, id)
    _pieces(order, items, gone=1)


@suite.check("refund")
async def pieces_that_came_back_one_by_one_are_owed_no_more(bench: Bench) -> None:
    """A second refund must not hide the first, nor while some pieces of a line are still there."""
    first, *others = await some_items(bench.twin)
    items = [replace(first, quantity=3), *others]
    id = await sale(bench.twin, items=items)
    for sku in (items[0].sku, items[1].sku, items[0].sku):
        later(bench)
        await _refund(bench, id, sku)
    order = await _adds_up(bench, id)
    _pieces(order, items, gone=3)


@suite.check("refund")
async def a_sale_that_came_back_whole_owes_nothing(bench: Bench) -> None:
    """Everything it earned is taken back."""
    items = await some_items(bench.twin)
    id = await sale(bench.twin, items=items)
    for item in items:
        await bench.twin.refund(id, item.sku, item.quantity)
    await _adds_up(bench, id)


@suite.check("refund")
async def a_missing_key_never_hides_what_came_back(bench: Bench) -> None:
    """Each key of the answers in turn: a default would give the points again."""
    id = await sale(bench.twin)
    sku, orders = (await some_items(bench.twin))[0].sku, bench.orders()
    await _refund(bench, id, sku)
    before = len(bench.exchanges)
    whole = worth(await patiently(partial(orders.fetch, id)))
    left_out: frozenset[str] = getattr(bench.twin, "leaves_out", frozenset())
    for key in keys_of(bench.exchanges[before:]):
        if key not in left_out:
            later(bench)
            found = await _without(bench, orders, id, key)
            told = f"fetch() must raise PayloadInvalid without {key}: what counts has no default"
            must(found is None or worth(found) == whole, told)


async def _without(bench: Bench, orders: Orders, id: str, key: str) -> Order | None:
    """What is read while no answer has this key; None where the plugin does not take it."""
    script = bench.twin.faults
    script.plan([Fault("field_removed", field=key)] * PLENTY)
    try:
        return await patiently(partial(orders.fetch, id))
    except RenkeiError:
        return None
    finally:
        script.planned.clear()


@suite.check("edit")
async def a_piece_that_was_taken_out_is_owed_no_more(bench: Bench) -> None:
    """As if it had never been in it."""
    items = await some_items(bench.twin)
    id = await sale(bench.twin, items=items)
    await bench.twin.edit(id, items[0].sku, 1)
    order = await _adds_up(bench, id)
    _pieces(order, items, gone=1)


@suite.check("edit", "refund")
async def what_was_taken_out_and_what_came_back_are_both_owed_no_more(bench: Bench) -> None:
    """Neither twice, nor one instead of the other."""
    items = await some_items(bench.twin)
    id = await sale(bench.twin, items=items)
    await bench.twin.edit(id, items[0].sku, 1)
    await bench.twin.refund(id, items[0].sku, 1)
    await _adds_up(bench, id)


@suite.check("cancel", "refund")
async def a_cancelled_sale_owes_nothing_after_a_refund_either(bench: Bench) -> None:
    """The vendor's numbers may be below zero by then."""
    items = await some_items(bench.twin)
    id = await sale(bench.twin, items=items)
    await bench.twin.refund(id, items[0].sku, 1)
    later(bench)
    await bench.twin.cancel(id)
    await _adds_up(bench, id)


async def _refund(bench: Bench, id: str, sku: str) -> None:
    before = dict(await bench.twin.charged(id))
    await bench.twin.refund(id, sku, 1)
    if before == await bench.twin.charged(id):
        raise NotApplicable("the vendor does not say from which sale goods came back")


async def _adds_up(bench: Bench, id: str) -> Order:
    order = await bench.orders().fetch(id)
    charged = await bench.twin.charged(id)
    must(
        owed(order) == charged,
        "the lines less what came back must be what the buyer owes, to the yen and by tax rate: "
        f"they say {owed(order)}, the vendor charges {dict(charged)}",
    )
    return order


def _pieces(order: Order, items: Sequence[Item], *, gone: int) -> None:
    left = sum(line.quantity - line.returned_quantity for line in order.lines)
    must(
        left == sum(item.quantity for item in items) - gone,
        "quantity less returned_quantity must be the pieces that the buyer still has",
    )


def owed(order: Order) -> Mapping[int, int]:
    """Yen with tax by tax rate, as the lines say; tax that is added is floored per rate."""
    if order.state is OrderState.CANCELLED:
        return {}
    sums: Counter[tuple[int, bool]] = Counter()
    for line in order.lines:
        sums[line.tax_rate, line.tax_included] += _left(line)
    by_rate: Counter[int] = Counter()
    for (rate, included), yen in sums.items():
        by_rate[rate] += yen if included else yen + yen * rate // BASIS_POINTS
    return {rate: yen for rate, yen in by_rate.items() if yen}


def _left(line: LineItem) -> int:
    return line.amount - line.returned_amount
