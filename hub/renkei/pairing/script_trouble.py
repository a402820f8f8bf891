"""The script's second half: a hub that is cut off, changes by hand, and people who are not one."""

import asyncio

from renkei.pairing.goods import CUP, MOVED, POT, SWEETS, TEA, VASE
from renkei.pairing.scene import Scene, pieces
from renkei.pairing.script import TWICE
from renkei.pairing.step import Script, need
from renkei.services.members.merge import MergeMembers
from renkei.services.orders.late_link import LinkOrder
from renkei.services.points.corrections import Adjust
from renkei_contracts.point import Adjustment

SCRIPT = Script()
step = SCRIPT.step

FAR_OFF = 9_999
"""Points that nobody has: what somebody types in at a vendor."""

GIVEN = 77


@step(cart=["register"], polled=True)
async def the_hub_is_down_while_the_cart_sells(scene: Scene) -> None:
    """The vendor's next try, or a poll, tells it."""
    await scene.house.cut_off()
    buying = asyncio.create_task(scene.buy("an order to nobody", "yuki", [VASE]))
    await asyncio.sleep(0)
    await scene.house.start()
    await buying


@step(cart=["register"], polled=True)
async def the_hub_is_down_while_the_till_sells(scene: Scene) -> None:
    """A till that spends its own copy sells on; one that asks the hub cannot."""
    card = await scene.card("hanako")
    if not scene.till.can_lose:  # it asks the hub before it sells: it cannot sell meanwhile
        await scene.sell("a sale to nobody", "hanako", [CUP], 10)
        return
    await scene.house.cut_off()
    selling = asyncio.create_task(scene.sell_to(card, "a sale to nobody", [CUP], 10))
    await asyncio.sleep(0)
    await scene.house.start()
    await selling


@step(cart=["register"])
async def the_hub_is_cut_off_in_the_middle_of_its_work(scene: Scene) -> None:
    """What was taken in is not lost, and not done twice."""
    burst = {"hanako": TEA, "taro": CUP, "yuki": VASE}
    orders = (scene.buy(f"{name} in a hurry", name, [item], TWICE) for name, item in burst.items())
    await asyncio.gather(*orders)
    await scene.house.cut_off()
    await scene.house.start()


@step(cart=["register", "adjust"], polled=True)
async def somebody_types_points_in_at_the_cart(scene: Scene) -> None:
    """The hub leads: the ledger does not follow."""
    await scene.cart.stage.adjust(scene.customer("hanako"), FAR_OFF)


@step(cart=["register", "adjust"], polled=True)
async def the_cart_shows_the_ledger_again_after_the_next_sale(scene: Scene) -> None:
    """The end of the script looks at it."""
    await scene.buy("after the change", "hanako", [CUP])


@step(cart=["register"], till=["adjust"], polled=True)
async def somebody_types_points_in_at_the_till(scene: Scene) -> None:
    """The same at a till."""
    await scene.till.stage.adjust(await scene.customer_at_the_till("yuki"), FAR_OFF)


@step(cart=["register"], till=["adjust"], polled=True)
async def the_till_shows_the_ledger_again_after_the_next_sale(scene: Scene) -> None:
    """The same at a till."""
    await scene.sell("after the change at the till", "yuki", [CUP])


@step(cart=["register", "rename"], polled=True)
async def hanako_marries_and_moves(scene: Scene) -> None:
    """Another name and address are the same member."""
    await scene.rename("hanako", MOVED)
    await scene.quiet(polled=True)
    await scene.buy("under her new name", "hanako", [VASE])


@step(cart=["register", "nameless"])
async def somebody_without_an_address_buys(scene: Scene) -> None:
    """The vendor's own id is proof enough."""
    await scene.register("nameless", scene.cart)
    await scene.quiet()
    await scene.buy("to nobody's address", "nameless", [POT])


@step(cart=["register", "fulfil"], polled=True)
async def an_order_is_sent(scene: Scene) -> None:
    """It gives nothing more."""
    await scene.cart.stage.fulfil(scene.ref("a lost order"))


@step(cart=["register", "guest"])
async def a_guest_becomes_a_member_and_claims_the_order(scene: Scene) -> None:
    """It settles as of when it was placed."""
    await scene.register("ken", scene.cart)
    await scene.quiet()
    await _claimed(scene, "a guest's order", "ken")


@step(cart=["register"], till=["guest"])
async def yuki_had_forgotten_her_card_and_claims_the_receipt(scene: Scene) -> None:
    """So does a receipt."""
    await _claimed(scene, "a nameless receipt", "yuki")


@step(till=["register"])
async def emi_registers_and_buys_at_the_till(scene: Scene) -> None:
    """A card of the till's own is a member's."""
    await scene.register("emi", scene.till)
    await scene.quiet(polled=True)
    await scene.sell("emi's tea", "emi", [pieces(TEA, 4)])


@step(cart=["register"])
async def the_office_gives_points_and_asks_twice(scene: Scene) -> None:
    """One key, one gift."""
    gift = Adjustment(
        member=await scene.member("yuki"),
        key="a gift",
        points=GIVEN,
        reason="an apology",
        by="the office",
    )
    hub = scene.house.hub
    for _ in range(2):
        await hub.booking.committer.submit(Adjust(gift, hub.ring))


@step(cart=["register"])
async def yuki_spends_every_point_the_till_shows(scene: Scene) -> None:
    """What is shown can be spent to the last point."""
    shown = await scene.till.stage.points_shown(await scene.card("yuki"))
    need(bool(shown), "the till must show yuki's points")
    await scene.sell("all of it", "yuki", [POT], shown or 0)


@step(cart=["register"])
async def hanako_buys_here_while_taro_pays_there(scene: Scene) -> None:
    """Neither waits for the other."""
    await asyncio.gather(
        scene.buy("here", "hanako", [pieces(TEA, 3)]),
        scene.sell("there", "taro", [pieces(SWEETS, 2)], 20),
    )


@step(cart=["register", "withdraw"], polled=True)
async def mai_buys_at_the_till_and_leaves_the_cart(scene: Scene) -> None:
    """A person decides what becomes of her; her points stay."""
    await scene.register("mai", scene.cart)
    await scene.quiet()
    await scene.sell("mai's pot", "mai", [POT])
    await scene.quiet()
    scene.left.add("mai")
    await scene.cart.stage.withdraw(scene.customer("mai"))


@step(cart=["register", "merge"], polled=True)
async def taro_has_two_accounts_and_both_are_joined(scene: Scene) -> None:
    """A person joins them in the hub; their points count together."""
    await scene.register("taro again", scene.cart)
    await scene.quiet()
    # At the till: some carts give the orders of the one who goes to the one who stays.
    await scene.sell("with the other account", "taro again", [VASE])
    await scene.quiet()
    kept, gone = await scene.member("taro"), await scene.member("taro again")
    scene.left.add("taro again")
    await scene.cart.stage.merge(scene.customer("taro"), scene.customer("taro again"))
    await scene.quiet(polled=True)
    joined = MergeMembers(gone, kept, "the office")
    await scene.house.hub.booking.committer.submit(joined)
    await scene.quiet()
    await scene.sell("with both", "taro", [CUP], 5)


async def _claimed(scene: Scene, sale: str, name: str) -> None:
    """A person at the hub says whose sale it was."""
    booking = scene.house.hub.booking
    order = await scene.counted_as(sale)
    link = LinkOrder(order, await scene.member(name), booking.new_id("alr"))
    answer = await booking.committer.submit(link)
    need(answer.outcome == "settled", f"{sale} must become {name}'s; it is {answer.outcome}")
