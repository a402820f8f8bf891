"""``renkei pair``: the pair proof of a cart and a till."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli.invocation import invocation
from renkei.cli.running import run_async
from renkei.cli.screen import as_json, say, working
from renkei.registry import load_registry

if TYPE_CHECKING:
    from renkei.pairing.proof import PairOutcome

SHORT_HASH = 16


def pair(
    context: typer.Context,
    cart: Annotated[str, typer.Argument(help="an installed plugin of a cart, or reference-cart")],
    till: Annotated[str, typer.Argument(help="an installed plugin of a till, or reference-till")],
    json: Annotated[bool, typer.Option("--json", help="the result for a program")] = False,
) -> None:
    """Play one script on the twins of a cart and a till, and compare the ledger it ends in with
    that of the reference pair; exit code 1 where they differ."""
    from renkei.pairing.proof import REFERENCE, prove_pair

    own = {one.name: one for one in (REFERENCE.cart, REFERENCE.till)}
    registry = load_registry(invocation(context).load().disabled_plugins)
    cart_vendor, till_vendor = (own.get(name) or registry.vendor(name) for name in (cart, till))
    with tempfile.TemporaryDirectory(prefix="renkei-pair-") as folder, working("playing"):
        outcome = run_async(prove_pair(cart_vendor, till_vendor, Path(folder)))
    if json:
        as_json(outcome.document())
    else:
        _show(outcome)
    raise typer.Exit(0 if outcome.ok else 1)


def _show(outcome: "PairOutcome") -> None:
    """What was played and what was not, what differs, and the verdict."""
    say(f"{outcome.pair}: {len(outcome.steps)} steps")
    for name, why in outcome.left_out.items():
        say(f"  left out: {name} ({why})")
    for fault in outcome.faults:
        say(f"✘ {fault}")
    if outcome.differences:
        say(f"✘ the ledgers part at: {outcome.parted_at}")
    for row in outcome.differences:
        say(f"    {row}")
    if outcome.ok:
        short = outcome.state_hash[:SHORT_HASH]
        say(f"✔ the same ledger as the reference pair's, {short} ({outcome.seconds:.1f} s)")
