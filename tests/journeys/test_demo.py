"""The main job, from nothing to checked numbers, in one command."""

import json
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest

Run = Callable[..., "CompletedProcess[str]"]


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    raise NotImplementedError
