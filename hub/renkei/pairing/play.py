"""Playing a script on one pair: stages, hub and database are started, and gone afterwards."""

import secrets
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from renkei.config import Settings
from renkei.ledger.verify import verify_database
from renkei.pairing.clock import PairClock
from renkei.pairing.goods import GOODS, PEOPLE
from renkei.pairing.house import House
from renkei.pairing.scene import CART, TILL, Scene, Side
from renkei.pairing.state import State
from renkei.pairing.step import Step
from renkei.registry import Registry
from renkei.services.till import terminals
from renkei.services.till.till_terminal import Terminal
from renkei.storage.scratch import Scratch
from renkei_contracts.stage import CartStage, StageContext, TillAccess, TillStage, Webhook
from renkei_contracts.vendor import Vendor

BETWEEN_STEPS = timedelta(seconds=5)
"""No two steps happen within the same second, which is all that some vendors know of time."""


@dataclass(frozen=True)
class Pair:
    """A cart and a till, each with a twin."""

    cart: Vendor
    till: Vendor

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.cart.name} × {self.till.name}"


@dataclass
class Played:
    """What came of a script: the state after each step, and what was not as it must be."""

    states: list[tuple[str, State]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def state(self) -> State:
        """The state at the end."""
        return self.states[-1][1] if self.states else {}


async def play(pair: Pair, steps: Sequence[Step], scratch: Scratch, work_dir: Path) -> Played:
    """Play the steps; one that fails ends the script, and is a fault."""
    began, played = time.monotonic(), Played()
    with scratch.database("pair") as (owner, app):
        settings = Settings(
            data_dir=work_dir,
            database_url=SecretStr(app),
            migration_url=SecretStr(owner),
            secret_key=SecretStr(b64encode(secrets.token_bytes(32)).decode()),
        )
        async with _on_stage(pair, settings, work_dir) as scene:
            await _all(scene, steps, played)
    played.seconds = time.monotonic() - began
    return played


@asynccontextmanager
async def _on_stage(pair: Pair, settings: Settings, work_dir: Path) -> AsyncIterator[Scene]:
    clock = PairClock()
    cart = Side(CART, pair.cart, cart_stage(pair.cart, _context(work_dir / CART, clock)))
    register = till_stage(pair.till, _context(work_dir / TILL, clock))
    till = Side(TILL, pair.till, register, register.asks_hub)
    vendors = {one.name: one for one in (pair.cart, pair.till)}
    polls = sum(bool(kind) for one in vendors.values() for kind in (one.orders, one.members))
    house = House(settings, clock, Registry(vendors), polls)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(cart.stage)
        await stack.enter_async_context(till.stage)
        stack.push_async_callback(house.close)
        await house.start()
        await _connect(house, cart)
        await _connect(house, till)
        yield Scene(house, cart, till, await _let_in(house, till), {**PEOPLE})


def _context(folder: Path, clock: PairClock) -> StageContext:
    folder.mkdir(parents=True, exist_ok=True)
    return StageContext(folder, now=clock, items=GOODS)


def cart_stage(vendor: Vendor, context: StageContext) -> CartStage:
    """The vendor's twin; raises TypeError where it is none of a cart."""
    stage = vendor.twin(context) if vendor.twin else None
    if not isinstance(stage, CartStage) or stage.kind != "cart":
        raise TypeError(f"{vendor.name} has no twin of a cart")
    return stage


def till_stage(vendor: Vendor, context: StageContext) -> TillStage:
    """The vendor's twin; raises TypeError where it is none of a till."""
    stage = vendor.twin(context) if vendor.twin else None
    if not isinstance(stage, TillStage) or stage.kind != "till":
        raise TypeError(f"{vendor.name} has no twin of a till")
    return stage


async def _connect(house: House, side: Side[CartStage] | Side[TillStage]) -> None:
    connecting = house.hub.connecting
    made = await connecting.connect(side.vendor, side.id, side.stage.settings())
    if made.webhook_path:
        await side.stage.listen(Webhook(house.url + made.webhook_path))


async def _let_in(house: House, till: Side[TillStage]) -> Terminal:
    """The register with a credential, as an administrator makes it."""
    hub, (store, name) = house.hub, till.stage.place
    async with hub.database.begin() as conn:
        new = await terminals.add(
            conn,
            hub.ring,
            hub.booking.new_id,
            house.clock(),
            connection=till.id,
            store=store,
            till=name,
        )
    await till.stage.connect(TillAccess(house.url, new.key_id, new.secret))
    return Terminal(new.terminal, till.id, store, name)


async def _all(scene: Scene, steps: Sequence[Step], played: Played) -> None:
    for step in steps:
        scene.house.clock.forward(BETWEEN_STEPS)
        try:
            await step.run(scene)
            await scene.quiet(polled=step.polled)
            played.states.append((step.name, await scene.state()))
        except Exception as error:  # whatever a plugin or the hub raises
            played.faults.append(f"{step.name}: {type(error).__name__}: {error}")
            return
        await _note_troubles(scene, step, played)
    await _end(scene, played)


async def _note_troubles(scene: Scene, step: Step, played: Played) -> None:
    left = [await scene.member(name) for name in scene.left]
    for what in await scene.house.troubles(left):
        if not any(known.endswith(what) for known in played.faults):
            played.faults.append(f"{step.name}: {what}")


async def _end(scene: Scene, played: Played) -> None:
    """One more poll changes nothing, all stages show the same, and the books are sound."""
    await scene.quiet(polled=True)
    if await scene.state() != played.state:
        played.faults.append("a poll after the end changes the ledger")
    played.faults += await shown_otherwise(scene)
    report = await verify_database(scene.house.hub.database.engine)
    played.faults += [f"{one.invariant}: {one.subject} {one.detail}" for one in report.findings]


async def shown_otherwise(scene: Scene) -> list[str]:
    """Where a stage does not show what the ledger says its customer can spend."""
    state, faults = await scene.state(), []
    for side, name in scene.customers:
        if name in scene.left:
            continue
        must = state.get(f"{name}: spendable", 0)
        if side == CART and scene.cart.vendor.balances is not None:
            shown = await scene.cart.stage.points_shown(scene.customer(name))
            faults += [] if (shown or 0) == must else [f"the cart shows {name} {shown}, not {must}"]
        if scene.people[name].email or side == TILL:
            shown = await scene.till.stage.points_shown(await scene.card(name))
            faults += [] if (shown or 0) == must else [f"the till shows {name} {shown}, not {must}"]
    return faults
