"""Jobs that do nothing, through the hub's queue and through procrastinate's."""

import pytest
from bench.command import main
from bench.ground import Ground

from bench import jobs


async def test_every_job_that_is_enqueued_is_done_once(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "JOBS", 20)
    await jobs.prepare(ground)
    assert await jobs.ours(ground) > 0  # how many were done is counted there


async def test_as_many_are_done_by_procrastinate(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("procrastinate", reason="is of the bench alone")
    monkeypatch.setattr(jobs, "JOBS", 20)
    await jobs.prepare_theirs(ground)
    assert await jobs.theirs(ground) > 0


def test_without_the_package_its_row_is_refused_and_others_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jobs, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as refused:
        main(["--rows", "jobs"])
    assert refused.value.code == 2
    assert "procrastinate" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--rows", "hold", "--rounds", "4"])
    assert "at least 5 rounds" in capsys.readouterr().err
