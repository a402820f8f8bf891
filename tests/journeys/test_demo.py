"""The main job, from nothing to checked numbers, in one command."""

import json
from collections.abc import Callable
from subprocess import CompletedProcess

Run = Callable[..., "CompletedProcess[str]"]


def test_the_demo_ends_well_and_every_channel_shows_what_it_must(renkei: Run) -> None:
    ran = renkei("demo", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    document = json.loads(ran.stdout)
    assert document["ok"] is True
    assert document["faults"] == []
    bought = document["steps"][1]
    assert [bought[who]["shown"] for who in ("ledger", "cart", "till")] == [132, 132, 132]
    for step in document["steps"]:
        assert step["ledger"]["shown"] == step["till"]["shown"] == step["expected"]
    assert document["ledger"]["findings"] == []
    assert document["explained"][-1]["after"] == document["steps"][-1]["expected"]
    assert "花子" not in document["masked_name"]
    assert document["seconds"] < 60


def test_a_cart_that_is_not_installed_is_refused(renkei: Run) -> None:
    ran = renkei("demo", "--cart", "nobody")
    assert ran.returncode == 2
    assert "no plugin 'nobody' is installed" in ran.stderr
