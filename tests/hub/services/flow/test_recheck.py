"""A connection is checked every hour: what its plugin mends is mended, what blocks is told once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from acme import AcmeSettings, Scene

from renkei_contracts.capability import CheckFinding
from renkei_contracts.errors import Unavailable
from renkei_contracts.vendor import Vendor

ALERTS = "SELECT count(*), min(message) FROM alert WHERE kind = 'connection_check'"


@dataclass
class Office:
    """Whoever looks after the vendor: what they find each time, and how often they looked."""

    findings: list[CheckFinding] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    looked: int = 0

    async def check(self) -> Sequence[CheckFinding]:
        self.looked += 1
        if self.failures:
            raise self.failures.pop(0)
        return self.findings


@pytest.fixture
async def office(scene: Scene) -> Office:
    """A connection that was checked when it was made."""
    made = Office()
    vendor = Vendor(name="desk", title="Desk", settings=AcmeSettings, check=lambda _: made)
    scene.hub.registry.vendors["desk"] = vendor
    await scene.hub.connecting.connect(vendor, "desk", {})
    await scene.worker.polls.begin(await scene.hub.connections.get("desk"))
    assert made.looked == 1
    return made


async def passes(scene: Scene) -> None:
    """An hour, and what is due then."""
    await scene.due_now("poll")
    await scene.worker.queues["polls"].work("desk")


async def test_it_is_not_checked_again_at_once(scene: Scene, office: Office) -> None:
    await scene.worker.queues["polls"].work("desk")
    assert office.looked == 1


async def test_it_is_checked_every_hour(scene: Scene, office: Office) -> None:
    for _ in range(2):
        await passes(scene)
        await scene.worker.queues["polls"].work("desk")
    assert office.looked == 3
    (hours,) = await scene.one(
        "SELECT due - now() BETWEEN interval '59 min' AND interval '61 min' FROM poll"
        " WHERE connection_id = 'desk'"
    )
    assert hours


async def test_what_blocks_is_told_to_a_person_once(scene: Scene, office: Office) -> None:
    office.findings = [
        CheckFinding("a permission was taken away", blocks=True),
        CheckFinding("a webhook was missing: it is made", blocks=False),
    ]
    for _ in range(2):
        await passes(scene)
    assert await scene.one(ALERTS) == (1, "the check of desk: a permission was taken away")


async def test_a_vendor_that_is_down_is_asked_again_and_nobody_is_told(
    scene: Scene, office: Office
) -> None:
    office.failures = [Unavailable("down")]
    await passes(scene)
    assert (await scene.one(ALERTS))[0] == 0
    await passes(scene)
    assert office.looked == 3
