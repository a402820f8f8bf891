"""Many tills at once: those a gateway calls for, and those of a file, with their credentials."""

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import FileInvalid, RequestInvalid
from renkei.services.setup.facts import require_connection
from renkei.services.setup.spreadsheets import MOST_FAULTS, read_lines
from renkei.services.till.terminals import ADD_CREDENTIAL, NewCredential, new_credential
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts.terminal import NewTill, RegisteredTill

HEADINGS = {
    "店舗": "store",
    "店舗コード": "store",
    "店舗番号": "store",
    "レジ": "till",
    "レジ番号": "till",
    "端末番号": "till",
    "名称": "label",
    "備考": "label",
}
"""What the columns are called in Japanese lists, folded and in lower case."""

REGISTER = """
INSERT INTO terminal (terminal_id, connection_id, store, till, label, created_at)
SELECT x.id, :c, x.store, x.till, x.label, :now
FROM json_to_recordset(CAST(:rows AS json)) AS x(id text, store text, till text, label text)
ORDER BY x.store, x.till
ON CONFLICT (connection_id, store, till) DO NOTHING"""

KNOWN = """
SELECT t.terminal_id, t.store, t.till
FROM json_to_recordset(CAST(:rows AS json)) AS x(store text, till text)
JOIN terminal t ON (t.connection_id, t.store, t.till) = (:c, x.store, x.till)"""

WRITTEN = ("store", "till", "label", "terminal", "key_id", "secret")


@dataclass(frozen=True)
class TillImport:
    """A file of tills, and where their credentials go: a file that only its owner can read."""

    database: Database
    ring: KeyRing
    new_id: Callable[[str], str]
    now: datetime
    connection: str

    async def run(self, file: Path, credentials: Path) -> int:
        """All of them or none; gives how many. Raises FileInvalid, RequestInvalid."""
        rows = read_lines(file, NewTill, HEADINGS)
        tills = [one for _, one in rows]
        with _only_for_its_owner(credentials) as out:
            async with self.database.begin() as conn:
                found = await register(conn, self.new_id, self.now, self.connection, tills)
                _require_new(file, rows, found)
                made = [new_credential(self.ring, self.new_id, self.now, t.terminal) for t in found]
                if made:
                    await conn.execute(text(ADD_CREDENTIAL), [row for _, row in made])
                # Before the commit: a secret that nobody could read would be lost.
                _write(out, tills, [new for new, _ in made])
        return len(made)


async def register(
    conn: AsyncConnection,
    new_id: Callable[[str], str],
    now: datetime,
    connection: str,
    tills: Sequence[NewTill],
) -> tuple[RegisteredTill, ...]:
    """Make the tills known; those that are already stay as they are. Raises UnknownConnection."""
    await require_connection(conn, connection)
    rows = [one.model_dump() | {"id": new_id("trm")} for one in tills]
    ids = {row["id"] for row in rows}
    values = {"c": connection, "now": now, "rows": json.dumps(rows)}
    await conn.execute(text(REGISTER), values)
    known = (await conn.execute(text(KNOWN), {"c": connection, "rows": values["rows"]})).all()
    by_place = {(store, till): str(terminal) for terminal, store, till in known}
    return tuple(
        RegisteredTill(
            terminal=by_place[one.store, one.till],
            store=one.store,
            till=one.till,
            new=by_place[one.store, one.till] in ids,
        )
        for one in tills
    )


def _require_new(
    file: Path, rows: Sequence[tuple[int, NewTill]], found: Sequence[RegisteredTill]
) -> None:
    first: dict[str, int] = {}
    faults: list[str] = []
    for (line, _), one in zip(rows, found, strict=True):
        name = f"{one.store}/{one.till}"
        if one.terminal in first:
            faults.append(f"line {line}: {name} stands in line {first[one.terminal]} already")
        elif not one.new:
            faults.append(f"line {line}: {name} is registered already")
        first.setdefault(one.terminal, line)
    if faults:
        raise FileInvalid(file.name, faults[:MOST_FAULTS])


@contextmanager
def _only_for_its_owner(path: Path) -> Iterator[TextIO]:
    """A new file of mode 0600 that is on the disk at the end; taken away where that fails."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise RequestInvalid("credentials", str(path), "is there already: name another") from None
    except OSError as error:
        raise RequestInvalid("credentials", str(path), f"{error.strerror}") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            yield out
    except BaseException:
        path.unlink()
        raise


def _write(out: TextIO, tills: Sequence[NewTill], credentials: Sequence[NewCredential]) -> None:
    writer = csv.writer(out)
    writer.writerow(WRITTEN)
    for one, new in zip(tills, credentials, strict=True):
        writer.writerow([one.store, one.till, one.label, new.terminal, new.key_id, new.secret])
    out.flush()
    os.fsync(out.fileno())
