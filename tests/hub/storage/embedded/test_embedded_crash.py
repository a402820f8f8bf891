"""What an embedded server survives: killed processes, spoilt files, full disks, wrong settings."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from renkei.storage import embedded
from renkei.storage.embedded import EmbeddedRefused

Ask = Callable[[str, str], str]
Tell = Callable[..., None]
Eventually = Callable[..., None]
HubProcesses = Callable[..., Any]
BORN = "SELECT pg_postmaster_start_time()::text"
CLEAN = "database system is shut down"


def postmaster_pid(home: Path) -> int:
    first_line = (home / "data" / "postmaster.pid").read_text().partition("\n")[0]
    return int(first_line or 0)  # it may just be written


def supervisor_pid(home: Path) -> int:
    return int(re.findall(r"renkei: supervisor (\d+) starts", (home / "log").read_text())[-1])


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def stopped(home: Path) -> bool:
    return not embedded.status(home).running


@pytest.fixture
def innocent(home: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """A process of the home's owner which has nothing to do with postgres."""
    started: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        user = home.stat().st_uid if os.geteuid() == 0 else None
        started.append(subprocess.Popen(["sleep", "600"], user=user))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def small_disk(home: Path) -> Iterator[Callable[[int], Path]]:
    """A home on a disk of its own, of some MiB."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounts a tmpfs, which needs root on Linux")
    disks: list[Path] = []

    def mount(size: int) -> Path:
        disk = home.parent / "disk"
        disk.mkdir()
        command: list[str | Path] = [
            "mount",
            "-t",
            "tmpfs",
            "-o",
            f"size={size}m,mode=0755",
            "none",
            disk,
        ]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        if done.returncode != 0:
            pytest.skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
        disks.append(disk)
        return disk / "home"

    yield mount
    for disk in disks:
        embedded.leave(disk / "home")
        subprocess.run(["umount", disk], check=True)


class TestDeathOfTheHub:
    @pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"])
    def test_the_server_stops_cleanly_by_itself_and_keeps_what_was_committed(
        self,
        home: Path,
        hub_process: HubProcesses,
        ask: Ask,
        tell: Tell,
        eventually: Eventually,
        how: str,
    ) -> None:
        hub = hub_process(home)
        tell(hub.url(), "CREATE TABLE kept AS SELECT 42 AS answer")
        hub.die(signal.Signals[how])
        eventually(lambda: stopped(home))
        assert (home / "log").read_text().rstrip().endswith(CLEAN)
        assert ask(embedded.start(home).libpq_url(), "SELECT answer FROM kept") == "42"

    def test_one_of_two_processes_dies_and_the_other_is_served_on(
        self, home: Path, hub_process: HubProcesses, ask: Ask
    ) -> None:
        first, second = hub_process(home), hub_process(home)
        first.url()
        url = second.url()
        born = ask(url, BORN)
        first.die(signal.SIGKILL)
        assert ask(url, BORN) == born


class TestDeathOfTheServer:
    def test_a_killed_postmaster_comes_back_at_the_same_url(
        self, home: Path, ask: Ask, tell: Tell, eventually: Eventually
    ) -> None:
        url = embedded.start(home).libpq_url()
        tell(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        killed = postmaster_pid(home)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: postmaster_pid(home) != killed and answers(url))
        assert ask(url, "SELECT answer FROM kept") == "42"

    def test_a_killed_backend_costs_its_connections_only(
        self, home: Path, ask: Ask, tell: Tell, eventually: Eventually
    ) -> None:
        url = embedded.start(home).libpq_url()
        tell(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        postmaster = postmaster_pid(home)
        with psycopg.connect(url, autocommit=True) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        eventually(lambda: answers(url))
        assert ask(url, "SELECT answer FROM kept") == "42"
        assert postmaster_pid(home) == postmaster

    def test_a_postmaster_that_somebody_stops_is_started_again(
        self, home: Path, eventually: Eventually
    ) -> None:
        url = embedded.start(home).libpq_url()
        ended = postmaster_pid(home)
        os.kill(ended, signal.SIGINT)
        eventually(lambda: postmaster_pid(home) != ended and answers(url))

    def test_all_processes_die_at_once_as_in_a_power_loss(
        self, home: Path, hub_process: HubProcesses, ask: Ask, tell: Tell, eventually: Eventually
    ) -> None:
        hub = hub_process(home)
        tell(hub.url(), "CREATE TABLE kept AS SELECT 42 AS answer")
        supervisor, postmaster = supervisor_pid(home), postmaster_pid(home)
        os.kill(supervisor, signal.SIGKILL)
        os.killpg(postmaster, signal.SIGKILL)
        hub.die(signal.SIGKILL)
        eventually(lambda: stopped(home))
        assert ask(embedded.start(home).libpq_url(), "SELECT answer FROM kept") == "42"
        assert "was not properly shut down" in (home / "log").read_text()

    @pytest.mark.soak
    def test_a_recovery_of_more_than_ten_seconds_is_waited_for(
        self, home: Path, hub_process: HubProcesses, ask: Ask, tell: Tell, eventually: Eventually
    ) -> None:
        hub = hub_process(home, ["max_wal_size=20GB", "checkpoint_timeout=1d"])
        url = hub.url()
        tell(
            url,
            "CREATE TABLE big AS SELECT g AS id, repeat('x', 200) AS t "
            "FROM generate_series(1, 4000000) g",
            "CREATE INDEX ON big (md5(id::text))",
            "UPDATE big SET t = repeat('y', 200)",
        )
        os.kill(supervisor_pid(home), signal.SIGKILL)
        os.killpg(postmaster_pid(home), signal.SIGKILL)
        hub.die(signal.SIGKILL)
        eventually(lambda: stopped(home))
        begin = time.monotonic()
        url = embedded.start(home).libpq_url()
        assert time.monotonic() - begin > 10
        assert ask(url, "SELECT count(*) FROM big WHERE t LIKE 'y%'") == "4000000"


class TestDeathOfTheSupervisor:
    def test_the_next_start_joins_the_server_and_its_last_user_stops_it(
        self, home: Path, hub_process: HubProcesses, ask: Ask, eventually: Eventually
    ) -> None:
        hub = hub_process(home)
        url = hub.url()
        born = ask(url, BORN)
        os.kill(supervisor_pid(home), signal.SIGKILL)
        assert ask(url, BORN) == born
        assert ask(embedded.start(home).libpq_url(), BORN) == born
        hub.end()
        assert embedded.leave(home)
        assert stopped(home)
        assert (home / "log").read_text().rstrip().endswith(CLEAN)

    def test_a_server_without_users_is_joined_too(
        self, home: Path, hub_process: HubProcesses, ask: Ask, eventually: Eventually
    ) -> None:
        hub = hub_process(home)
        born = ask(hub.url(), BORN)
        killed = supervisor_pid(home)
        os.kill(killed, signal.SIGKILL)
        hub.end()
        assert ask(embedded.start(home).libpq_url(), BORN) == born
        eventually(lambda: supervisor_pid(home) != killed)

    def test_the_new_supervisor_brings_a_killed_postmaster_back(
        self, home: Path, eventually: Eventually
    ) -> None:
        url = embedded.start(home).libpq_url()
        first = supervisor_pid(home)
        os.kill(first, signal.SIGKILL)
        embedded.start(home)
        eventually(lambda: supervisor_pid(home) != first)
        killed = postmaster_pid(home)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: postmaster_pid(home) != killed and answers(url))

    def test_leaving_without_a_supervisor_tells_that_the_server_serves_on(self, home: Path) -> None:
        embedded.start(home)
        os.kill(supervisor_pid(home), signal.SIGKILL)
        assert not embedded.leave(home)
        embedded.start(home)


class TestDeathInsideInitdb:
    @pytest.mark.parametrize("moment", ["data/PG_VERSION", "data/global/pg_control", "data/base/5"])
    def test_the_next_start_begins_again(
        self, home: Path, hub_process: HubProcesses, ask: Ask, eventually: Eventually, moment: str
    ) -> None:
        hub = hub_process(home)
        eventually(lambda: list(home.glob(f"new-*/{moment}")))
        hub.process.kill()
        os.killpg(supervisor_pid(home), signal.SIGKILL)  # initdb is of its group
        assert ask(embedded.start(home).libpq_url(), "SELECT 1") == "1"
        assert not list(home.glob("new-*"))

    def test_an_initdb_that_outlives_its_supervisor_is_waited_for(
        self, home: Path, hub_process: HubProcesses, ask: Ask, eventually: Eventually
    ) -> None:
        hub = hub_process(home)
        eventually(lambda: list(home.glob("new-*/data/PG_VERSION")))
        os.kill(supervisor_pid(home), signal.SIGKILL)
        assert ask(hub.url(), "SELECT 1") == "1"
        assert not list(home.glob("new-*"))


class TestSpoiltFiles:
    @pytest.mark.parametrize("name", ["data/postmaster.pid", "run/.s.PGSQL.5432.lock"])
    def test_a_stale_pid_of_an_innocent_process_neither_stops_the_start_nor_that_process(
        self, home: Path, ask: Ask, innocent: Callable[[], subprocess.Popen[bytes]], name: str
    ) -> None:
        embedded.start(home)
        pid_file = (home / name).read_text()
        embedded.leave(home)
        process = innocent()
        (home / name).write_text(re.sub(r"^\d+", str(process.pid), pid_file))
        assert ask(embedded.start(home).libpq_url(), "SELECT 1") == "1"
        embedded.leave(home)
        assert process.poll() is None

    @pytest.mark.parametrize("content", ["", "12", "nonsense\n\n"])
    def test_a_truncated_pid_file_is_of_no_matter(self, home: Path, ask: Ask, content: str) -> None:
        embedded.start(home)
        embedded.leave(home)
        (home / "data" / "postmaster.pid").write_text(content)
        assert ask(embedded.start(home).libpq_url(), "SELECT 1") == "1"

    def test_a_truncated_socket_file_is_of_no_matter(self, home: Path, ask: Ask) -> None:
        embedded.start(home)
        embedded.leave(home)
        (home / "socket").write_text("/ru")
        assert ask(embedded.start(home).libpq_url(), "SELECT 1") == "1"

    def test_a_log_that_has_grown_large_is_put_aside(self, home: Path) -> None:
        embedded.start(home)
        embedded.leave(home)
        os.truncate(home / "log", 17 << 20)
        embedded.start(home)
        assert (home / "log.old").stat().st_size == 17 << 20
        assert "ready to accept connections" in (home / "log").read_text()

    def test_a_base_of_another_version_is_left_alone(self, home: Path) -> None:
        embedded.start(home)
        embedded.leave(home)
        (home / "data" / "PG_VERSION").write_text("17\n")
        with pytest.raises(EmbeddedRefused, match=r"is PostgreSQL 17, and .* pg_upgrade"):
            embedded.start(home)
        assert stopped(home)


class TestWrongSettings:
    def test_a_wrong_setting_is_refused_soon_and_with_postgres_s_reason(self, home: Path) -> None:
        begin = time.monotonic()
        with pytest.raises(EmbeddedRefused, match=r"FATAL: .* \"no_such_setting\""):
            embedded.start(home, ["no_such_setting=1"])
        assert time.monotonic() - begin < 14
        embedded.start(home)

    def test_the_first_line_of_a_refusal_says_what_to_do(self, home: Path) -> None:
        with pytest.raises(EmbeddedRefused) as refusal:
            embedded.start(home, ["shared_buffers=lots"])
        first = str(refusal.value).splitlines()[0]
        assert first == (
            f"postgres ended 2 times in a row: mend what its log says and start again ({home}/log)"
        )


class TestFullDisk:
    def test_a_start_is_refused_at_once_with_the_reason(
        self, small_disk: Callable[[int], Path]
    ) -> None:
        home = small_disk(100)
        with pytest.raises(EmbeddedRefused, match=r"only \d+ MiB are free under .* make room"):
            embedded.start(home)
        assert not (home / "data").exists()

    def test_a_disk_that_fills_up_fails_statements_and_works_again_when_freed(
        self, small_disk: Callable[[int], Path], ask: Ask, tell: Tell
    ) -> None:
        home = small_disk(450)
        url = embedded.start(home).libpq_url()
        tell(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        ballast = home.parent / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            for _ in range(500):
                file.write(bytes(1 << 20))
        with pytest.raises(psycopg.errors.DiskFull):
            tell(url, "CREATE TABLE big AS SELECT repeat('x', 900) FROM generate_series(1, 99999)")
        assert ask(url, "SELECT answer FROM kept") == "42"
        embedded.leave(home)
        with pytest.raises(EmbeddedRefused, match="MiB are free"):
            embedded.start(home)
        ballast.unlink()
        assert ask(embedded.start(home).libpq_url(), "SELECT answer FROM kept") == "42"
