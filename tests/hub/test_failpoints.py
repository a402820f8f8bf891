"""Fail-points: a process dies where it was told to, and nowhere else."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import renkei
from renkei.failpoints import NAMES, arm

REACH_THRICE = """
from renkei.failpoints import reach
for turn in range(3):
    print(turn, flush=True)
    reach("before_commit")
"""


def reached(**environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", REACH_THRICE]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)} | environment,
    )


def test_an_armed_process_dies_when_it_comes_there_for_the_nth_time() -> None:
    died = reached(RENKEI_FAILPOINT="before_commit:2")
    assert died.returncode == -signal.SIGKILL
    assert died.stdout == "0\n1\n"


def test_an_armed_process_may_also_stop_there_until_it_may_go_on() -> None:
    command = [sys.executable, "-c", REACH_THRICE]
    environment = {"PYTHONPATH": ":".join(sys.path), "RENKEI_FAILPOINT": "before_commit:2:stop"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate()
    assert (process.returncode, said) == (0, "0\n1\n2\n")


def test_another_place_and_no_place_let_it_live() -> None:
    assert reached(RENKEI_FAILPOINT="after_load:1").returncode == 0
    assert reached().returncode == 0


@pytest.mark.parametrize(("name", "count"), [("nowhere", 1), ("after_load", 0)])
def test_a_place_that_does_not_exist_cannot_be_armed(name: str, count: int) -> None:
    with pytest.raises(ValueError, match="no fail-point"):
        arm(name, count)


def test_every_name_is_one_place_in_the_hub() -> None:
    root = Path(renkei.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in root.rglob("*.py")]
    places = [name for text in sources for name in re.findall(r'\breach\("(\w+)"\)', text)]
    assert sorted(places) == sorted(NAMES)
