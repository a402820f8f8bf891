"""The script's first half: buying here, spending there, giving back, and what goes astray.

A mischief that a vendor does not know changes nothing in the ledger, and its step is played
without. What a step needs of the stages it says itself; it needs no step that needs more.
"""

import asyncio

from renkei.pairing.goods import CUP, POT, SWEETS, TEA, VASE
from renkei.pairing.scene import LOST, Scene, pieces
from renkei.pairing.step import Script, need
from renkei_contracts.stage import STRAIGHT, Mischief

SCRIPT = Script()
step = SCRIPT.step

TWICE = Mischief(times=2)
THRICE = Mischief(times=3)
BACKWARDS = Mischief(reversed=True)
TWICE_BACKWARDS = Mischief(times=2, reversed=True)


@step(cart=["register"])
async def hanako_registers_in_the_cart(scene: Scene) -> None:
    """She becomes a member, with a card, and is known at the till."""
    await scene.register("hanako", scene.cart)


@step(cart=["register"])
async def taro_and_yuki_register_at_the_same_time(scene: Scene) -> None:
    """Two deliveries in one batch are two members."""
    await asyncio.gather(*(scene.register(name, scene.cart) for name in ("taro", "yuki")))


@step(cart=["register"])
async def hanako_buys_in_the_cart_at_two_tax_rates(scene: Scene) -> None:
    """Tax is taken out by rate, points are rounded once."""
    await scene.buy("tea set", "hanako", [POT, pieces(TEA, 3)])


@step(cart=["register"])
async def taro_buys_and_every_delivery_comes_three_times(scene: Scene) -> None:
    """What is told again is booked once."""
    await scene.buy("two vases", "taro", [pieces(VASE, 2)], THRICE)


@step(cart=["register"])
async def yuki_buys_and_the_deliveries_come_twice_and_backwards(scene: Scene) -> None:
    """An older state that comes late changes nothing."""
    await scene.buy("cup and tea", "yuki", [pieces(CUP, 2), pieces(TEA, 5)], TWICE_BACKWARDS)


@step(cart=["register"])
async def hanako_shows_her_card_at_the_till(scene: Scene) -> None:
    """What was earned here is seen there."""
    shown = await scene.till.stage.points_shown(await scene.card("hanako"))
    need(shown == 130, f"the till must show 130 points for her card, and shows {shown}")


@step(cart=["register"])
async def hanako_spends_at_the_till_what_she_earned_in_the_cart(scene: Scene) -> None:
    """Points paid with earn nothing."""
    await scene.sell("a cup for points", "hanako", [CUP], 50)


@step(cart=["register"])
async def taro_spends_all_he_has_and_the_till_tells_it_twice(scene: Scene) -> None:
    """A sale told twice takes its points once."""
    await scene.sell("taro's cup", "taro", [CUP], 60, TWICE)


@step(cart=["register"])
async def hanako_buys_at_the_till_at_two_tax_rates(scene: Scene) -> None:
    """The till's amounts are read as the cart's are."""
    await scene.sell("vases and tea", "hanako", [pieces(VASE, 3), pieces(TEA, 2)])


@step(cart=["guest"])
async def somebody_orders_without_an_account(scene: Scene) -> None:
    """An order of nobody is kept, and earns nothing yet."""
    await scene.buy("a guest's order", "", [pieces(SWEETS, 4)])


@step(till=["guest"], polled=True)
async def somebody_buys_at_the_till_without_a_card(scene: Scene) -> None:
    """So is a receipt of nobody."""
    await scene.sell("a nameless receipt", "", [pieces(SWEETS, 6)])


@step(cart=["register"], polled=True)
async def every_delivery_of_an_order_is_lost_and_a_poll_finds_it(scene: Scene) -> None:
    """Webhooks make it fast, polls make it complete."""
    mischief = LOST if scene.cart.can_lose else STRAIGHT
    await scene.buy("a lost order", "hanako", [pieces(TEA, 2)], mischief)


@step(cart=["register"], polled=True)
async def every_delivery_of_a_sale_is_lost_and_a_poll_finds_it(scene: Scene) -> None:
    """At the till, too."""
    mischief = LOST if scene.till.can_lose else STRAIGHT
    await scene.sell("a lost sale", "yuki", [pieces(TEA, 1), VASE], 0, mischief)


@step(cart=["register", "refund"], polled=True)
async def hanako_gives_one_tea_back_in_the_cart(scene: Scene) -> None:
    """Its points are taken back, once."""
    await scene.cart.stage.refund(scene.ref("tea set"), TEA.sku, 1, TWICE)


@step(cart=["register", "refund"], polled=True)
async def the_rest_of_her_order_comes_back(scene: Scene) -> None:
    """Points that were spent meanwhile become debt."""
    await scene.cart.stage.refund(scene.ref("tea set"), TEA.sku, 2)
    await scene.cart.stage.refund(scene.ref("tea set"), POT.sku, 1, BACKWARDS)


@step(cart=["register", "refund"], polled=True)
async def taro_gives_back_what_earned_the_points_he_has_spent(scene: Scene) -> None:
    """He owes them."""
    await scene.cart.stage.refund(scene.ref("two vases"), VASE.sku, 2)


@step(cart=["register"])
async def taro_buys_again_and_pays_his_debt(scene: Scene) -> None:
    """What comes in repays debt first."""
    await scene.buy("taro's pot", "taro", [POT])


@step(cart=["register", "edit"], polled=True)
async def the_merchant_takes_pieces_out_of_an_order(scene: Scene) -> None:
    """As if they had never been in it."""
    await scene.cart.stage.edit(scene.ref("cup and tea"), TEA.sku, 2, TWICE_BACKWARDS)


@step(cart=["register", "cancel"], polled=True)
async def an_order_is_cancelled(scene: Scene) -> None:
    """It is worth nothing, in whatever order that is told."""
    await scene.buy("an order called off", "yuki", [POT])
    await scene.quiet()
    await scene.cart.stage.cancel(scene.ref("an order called off"), TWICE_BACKWARDS)


@step(cart=["register"], till=["refund"], polled=True)
async def hanako_gives_a_vase_back_at_the_till(scene: Scene) -> None:
    """A return at the till takes its points back."""
    await scene.till.stage.refund(scene.ref("vases and tea"), VASE.sku, 1, TWICE)


@step(cart=["register"], till=["edit"], polled=True)
async def the_cashier_takes_a_piece_out_of_a_sale(scene: Scene) -> None:
    """What had come back before stays so."""
    await scene.till.stage.edit(scene.ref("vases and tea"), TEA.sku, 1, BACKWARDS)


@step(cart=["register"], till=["cancel"], polled=True)
async def a_sale_paid_with_points_is_voided(scene: Scene) -> None:
    """The points come back to the lots they were from."""
    await scene.sell("a voided cup", "yuki", [CUP], 40)
    await scene.quiet()
    await scene.till.stage.cancel(scene.ref("a voided cup"), TWICE)
