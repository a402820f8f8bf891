"""What waits, how late it is and what was given up: for /metrics and for `renkei doctor`.

Asked every few seconds, so each part reads an index, and MOST rows of it at the most: the longest
waiting ones. What fails or is throttled waits like the rest.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

MOST = 10_000
"""Of a longer queue so many are counted; of deliveries, so many of each connection."""

RECENT_MINUTES = 15
"""Of which the share of genuine deliveries is told."""

# Of holds that should have lapsed only the last hour's are looked at: those before have all ended,
# or nobody works, which this hour shows as well.
# now() and not clock_timestamp(): only what stands still in a statement is looked up in an index.
WAITING: Final = f"""
SELECT 'delivery', connection_id, count(*), extract(epoch FROM now() - min(since))
FROM connection c, LATERAL (
  SELECT received_at AS since FROM delivery d
  WHERE d.connection_id = c.connection_id AND state = 'new' ORDER BY due LIMIT {MOST}) d
GROUP BY 2
UNION ALL
SELECT 'changed_object', connection_id, count(*), extract(epoch FROM now() - min(since))
FROM (SELECT connection_id, least(due, changed_at) AS since FROM changed_object
      WHERE NOT dead AND changed_at <= now() ORDER BY due LIMIT {MOST}) o GROUP BY 2
UNION ALL
SELECT 'mirror', connection_id, count(*), extract(epoch FROM now() - min(since))
FROM ((SELECT connection_id, coalesce(wanted_since, due) AS since FROM mirror
       WHERE NOT parked AND written_version < wanted_version ORDER BY due LIMIT {MOST})
      UNION ALL
      (SELECT connection_id, next_change_at FROM mirror
       WHERE NOT parked AND next_change_at <= now() AND written_version >= wanted_version
       ORDER BY next_change_at LIMIT {MOST})) m
JOIN connection USING (connection_id) WHERE leads = 'hub' GROUP BY 2
UNION ALL
SELECT 'hold_code', connection_id, count(*), extract(epoch FROM now() - min(since))
FROM (SELECT connection_id, CASE state WHEN 'wanted' THEN recorded_at ELSE due END AS since
      FROM hold_code WHERE state IN ('wanted', 'unwanted') LIMIT {MOST}) h GROUP BY 2
UNION ALL
SELECT 'poll', connection_id, count(*), extract(epoch FROM now() - min(due))
FROM poll WHERE due <= now() AND (leased_until IS NULL OR leased_until <= now())
  AND (ends IS NULL OR since < ends) GROUP BY 2
UNION ALL
SELECT 'expiry', '', count(*), extract(epoch FROM now() - min(expires_at))
FROM (SELECT expires_at FROM lot
      WHERE open AND available > 0 AND expires_at <= now() ORDER BY expires_at LIMIT {MOST}) l
HAVING count(*) > 0
UNION ALL
SELECT 'lapse', '', count(*), extract(epoch FROM now() - min(lapses_at))
FROM (SELECT h.lapses_at FROM hold h
      WHERE h.lapses_at <= now() AND h.lapses_at > now() - interval '1 hour'
        AND NOT EXISTS (SELECT FROM hold_end d
                        WHERE (d.member_id, d.version) = (h.member_id, h.version))
        AND NOT EXISTS (SELECT FROM hold_extension e
                        WHERE (e.member_id, e.version) = (h.member_id, h.version)
                          AND e.lapses_at > now()) LIMIT {MOST}) h
HAVING count(*) > 0
UNION ALL
SELECT 'tier', '', count(*), extract(epoch FROM now() - min(due))
FROM (SELECT due FROM tier_due WHERE due <= now() ORDER BY due LIMIT {MOST}) t
HAVING count(*) > 0"""

DEAD: Final = f"""
SELECT 'delivery', connection_id, count(*)
FROM (SELECT connection_id FROM delivery WHERE state = 'dead' LIMIT {MOST}) d GROUP BY 2
UNION ALL
SELECT 'changed_object', connection_id, count(*)
FROM (SELECT connection_id FROM changed_object WHERE dead LIMIT {MOST}) o GROUP BY 2
UNION ALL
SELECT 'mirror', connection_id, count(*)
FROM (SELECT connection_id FROM mirror WHERE parked AND NOT dismissed LIMIT {MOST}) m GROUP BY 2
UNION ALL
SELECT 'hold_code', connection_id, count(*)
FROM (SELECT connection_id FROM hold_code WHERE state = 'failed' LIMIT {MOST}) h GROUP BY 2"""

HOLDS: Final = f"""
SELECT connection_id, count(*) FROM (
  (SELECT h.connection_id FROM hold h WHERE h.lapses_at > now() AND NOT EXISTS
     (SELECT FROM hold_end d WHERE (d.member_id, d.version) = (h.member_id, h.version))
   LIMIT {MOST})
  UNION ALL
  (SELECT h.connection_id FROM hold h JOIN (
     SELECT DISTINCT member_id, version FROM hold_extension WHERE lapses_at > now()) e
     USING (member_id, version)
   WHERE h.lapses_at <= now() AND NOT EXISTS
     (SELECT FROM hold_end d WHERE (d.member_id, d.version) = (h.member_id, h.version))
   LIMIT {MOST})) open GROUP BY 1"""

SHOPS: Final = f"""
SELECT c.connection_id, c.state, c.failures,
       greatest(0, coalesce(extract(epoch FROM c.open_until - now()), 0)),
       coalesce(d.accepted, 0), coalesce(d.refused, 0), c.last_error
FROM connection c LEFT JOIN LATERAL (
  SELECT sum(accepted) AS accepted, sum(refused) AS refused FROM delivery_count d
  WHERE d.connection_id = c.connection_id
    AND d.minute > now() - interval '{RECENT_MINUTES} minutes') d ON true
WHERE c.vendor <> '' ORDER BY 1"""

POLLS: Final = """
SELECT connection_id, kind, greatest(0, extract(epoch FROM coalesce(ends, now()) - since)), failures
FROM poll WHERE kind <> 'check' ORDER BY 1, 2"""

FEED: Final = "SELECT max(seq) FROM feed_head"

EVERY: Final[tuple[str, ...]] = (WAITING, DEAD, HOLDS, SHOPS, POLLS, FEED)
"""What is asked, in one trip or one by one; ``told`` takes the answers in this order."""


class Waiting(NamedTuple):
    """So many wait; ``seconds`` is how long the longest waiting one does. A job's connection: ''"""

    queue: str
    connection: str
    number: int
    seconds: float


class Dead(NamedTuple):
    """So many were given up: they wait for a person."""

    queue: str
    connection: str
    number: int


class Shop(NamedTuple):
    """A connection: how its vendor is called, and the deliveries of the last minutes.

    ``rests`` is for how many seconds the vendor is left alone still.
    """

    connection: str
    state: str
    failures: int
    rests: float
    accepted: int
    refused: int
    last_error: str | None

    @property
    def accept_rate(self) -> float | None:
        """The share of genuine deliveries; None where none came."""
        came = self.accepted + self.refused
        return self.accepted / came if came else None


class Poll(NamedTuple):
    """How far reading is behind, in seconds, and how often it failed since it last did not.

    Windows overlap, by a quarter of an hour as a rule: so much is nothing. Of a back-fill it is
    what is still to be read.
    """

    connection: str
    kind: str
    behind: float
    failures: int


class Queues(NamedTuple):
    """Everything that is watched, at one moment."""

    waiting: Sequence[Waiting] = ()
    dead: Sequence[Dead] = ()
    holds: Sequence[tuple[str, int]] = ()
    shops: Sequence[Shop] = ()
    polls: Sequence[Poll] = ()
    feed: int = 0


def told(answers: Sequence[Iterable[Any]]) -> Queues:
    """What the answers to EVERY say."""
    waiting, dead, holds, shops, polls, feed = answers
    return Queues(
        [Waiting(row[0], row[1], row[2], max(0.0, float(row[3]))) for row in waiting],
        [Dead(*row) for row in dead],
        [(row[0], row[1]) for row in holds],
        [_shop(*row) for row in shops],
        [Poll(row[0], row[1], float(row[2]), row[3]) for row in polls],
        int(next(iter(feed))[0] or 0),
    )


def _shop(name: str, state: str, failures: int, *numbers: Any) -> Shop:
    rests, accepted, refused, last_error = numbers
    return Shop(name, state, failures, float(rests), int(accepted), int(refused), last_error)
