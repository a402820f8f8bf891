"""The same story with a real cart and a real point of sale."""

import json
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

Run = Callable[..., "CompletedProcess[str]"]


@pytest.mark.peers
@pytest.mark.timeout(600)
def test_the_story_holds_with_the_vendors_real_software(renkei: Run) -> None:
    ran = renkei("demo", "--real", "--json", patience=580)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    document = json.loads(ran.stdout)
    assert document["faults"] == []
    assert document["ledger"]["findings"] == []
    for step in document["steps"]:
        assert step["ledger"]["shown"] == step["till"]["shown"] == step["expected"]
