"""A till against /pos/v1 in one file: it signs, holds, sells, goes offline, reports and closes.

usage: reference_till.py URL STORE TILL CARD FOLDER   (the credential in TILL_KEY and TILL_SECRET)
The program must let points be used offline (`[offline]`, docs/programs.md).
Everything the till must not forget is in one file that is replaced as a whole: a restart in the
middle of a sale neither resets a counter nor loses a record.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

TOKYO = ZoneInfo("Asia/Tokyo")
TRIES, LINES = 3, 500
Said = dict[str, Any]


class Refused(Exception):
    """The hub's problem document."""


class NoPoints(Exception):
    """Offline, these points cannot be used here."""


class Till:
    """One till. ``http`` has the hub's address as its base; ``credential`` is key id and secret."""

    def __init__(
        self, http: httpx.Client, credential: tuple[str, str], store: str, till: str, folder: Path
    ) -> None:
        self.http, (self.key, self._secret) = http, credential
        self.place = {"store": store, "till": till}
        self._file = folder / "till.json"
        self.memory: Said = {"sequence": 0, "receipt": 0, "keys": {}, "allowances": {}}
        self.memory |= {"queue": [], "rejected": []}
        if self._file.exists():
            self.memory = json.loads(self._file.read_text("utf-8"))

    def post(self, path: str, said: Said) -> Said:
        """Ask with JSON."""
        return self._send(path, json.dumps(said).encode(), "application/json")

    def _send(self, path: str, body: bytes, kind: str) -> Said:
        """The same again after a time-out or where the hub is busy: nothing is booked twice."""
        for left in reversed(range(TRIES)):
            try:
                headers = self._signed(path, body) | {"Content-Type": kind}
                answer = self.http.post(path, content=body, headers=headers)
            except httpx.TransportError:
                if not left:
                    raise
                continue
            found: Said = answer.json()
            if answer.is_success:
                return found
            if not (left and found["retryable"]):
                raise Refused(found)
        raise AssertionError("the last try returns or raises")

    def _signed(self, path: str, body: bytes) -> dict[str, str]:
        stamp, nonce = str(int(time.time())), uuid4().hex
        lines = ("POST", path, "", stamp, nonce, hashlib.sha256(body).hexdigest())
        digest = hmac.digest(self._secret.encode(), "\n".join(lines).encode(), "sha256")
        signature = base64.b64encode(digest).decode()
        said = {"Key": self.key, "Timestamp": stamp, "Nonce": nonce, "Signature": signature}
        return {f"Renkei-{name}": value for name, value in said.items()}

    def sell(self, member: str, yen: int, points: int = 0) -> Said | None:
        """A sale at 10 % tax; None: the line is broken, and it waits in the queue as a fact."""
        sale = self._next_sale(member, yen, points)
        try:
            if points:
                name = "-".join(str(part) for part in sale["sale"].values())
                hold = {"key": name, "member": member, "points": points}
                sale["hold"] = self.post("/pos/v1/holds", hold)["hold"]
            return self.post("/pos/v1/transactions", sale)
        except httpx.TransportError:
            if points and "hold" not in sale:
                sale["allowance"] = self._spend(member, points)
            self._queue(sale)
            return None

    def _next_sale(self, member: str, yen: int, points: int) -> Said:
        self.memory["receipt"] += 1
        self._save()
        now, number = datetime.now(TOKYO), str(self.memory["receipt"])
        day = {"business_date": now.date().isoformat()}
        return {
            "sale": self.place | day | {"receipt_number": number},
            "sold_at": now.isoformat(),
            "member": member,
            "points_used": points,
            "lines": [{"id": "1", "quantity": 1, "amount": yen, "tax_rate": 1000}],
        }

    def prepare(self, member: str, points: int, seconds: int = 86_400) -> None:
        """While online: set points aside, and keep what proves it."""
        keys = self.http.get("/.well-known/renkei-keys.json").json()
        ask = {"key": uuid4().hex, "member": member, "points": points, "ttl_seconds": seconds}
        given = self.post("/pos/v1/allowances", ask)
        self.memory["keys"] = keys
        self.memory["allowances"][member] = given | {"counter": 0, "used": 0}
        self._save()

    def _spend(self, member: str, points: int) -> Said:
        """Count a use. It is kept with the sale, before anything is printed."""
        mine = self.memory["allowances"].get(member)
        if not mine or mine["used"] + points > self.check(mine["token"], member)["points"]:
            raise NoPoints("not enough was set aside for this member")
        mine["counter"] += 1
        mine["used"] += points
        return {"id": mine["allowance"], "counter": mine["counter"]}

    def check(self, token: str, member: str) -> Said:
        """What a token says, if it is the hub's, for this till and member, and not over."""
        try:
            keys = KeySet.import_key_set(self.memory["keys"])
            read = jwt.decode(token, keys, algorithms=["Ed25519"])
        except (JoseError, ValueError) as error:
            raise NoPoints("the hub did not sign this") from error
        here = {"iss": "renkei", "sub": member, "terminal": "/".join(self.place.values())}
        fits = read.header.get("typ") == "renkei-allowance" and here.items() <= read.claims.items()
        if not fits or read.claims["exp"] <= time.time():
            raise NoPoints("this is not for here and now")
        return read.claims

    def report(self) -> list[Said]:
        """Tell the queue in order. What a person must see is put apart; what failed stays."""
        results: list[Said] = []
        while batch := self.memory["queue"][:LINES]:
            body = "\n".join(json.dumps(one) for one in batch).encode()
            told = self._send("/pos/v1/batches", body, "application/x-ndjson")["results"]
            results += told
            failed = [pair for pair in zip(batch, told, strict=True) if pair[1]["code"]]
            again = [record for record, result in failed if result["retryable"]]
            self.memory["rejected"] += [pair for pair in failed if not pair[1]["retryable"]]
            self.memory["queue"] = again + self.memory["queue"][LINES:]
            self._save()
            if again:
                break
        return results

    def close(self, member: str) -> Said:
        """Give back what was not used; the sales are told before."""
        mine = self.memory["allowances"][member]
        path = f"/pos/v1/allowances/{mine['allowance']}:close"
        closed = self.post(path, {"last_counter": mine["counter"], "points_used": mine["used"]})
        if not closed["missing"] and not closed["difference"]:
            del self.memory["allowances"][member]
            self._save()
        return closed

    def _queue(self, sale: Said) -> None:
        self.memory["sequence"] += 1
        record = {"type": "commit", "sequence": self.memory["sequence"], "body": sale}
        self.memory["queue"].append(record | {"device_time": sale["sold_at"]})
        self._save()

    def _save(self) -> None:
        """All of it at once, on the disk before it counts."""
        new = self._file.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            file.write(json.dumps(self.memory))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)


def main(url: str, store: str, name: str, card: str, folder: str) -> None:
    """A short day: online, offline, online again."""
    with httpx.Client(base_url=url, timeout=5, trust_env=False) as http:
        credential = os.environ["TILL_KEY"], os.environ["TILL_SECRET"]
        till = Till(http, credential, store, name, Path(folder))
        member = till.post("/pos/v1/members:resolve", {"value": card})["member"]
        till.sell(member, 1_100, 10)
        till.prepare(member, 50)
        http.base_url = httpx.URL("http://127.0.0.1:9")  # nobody is there
        till.sell(member, 2_200, 20)
        http.base_url = httpx.URL(url)
        json.dump({"told": till.report(), "closed": till.close(member)}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
