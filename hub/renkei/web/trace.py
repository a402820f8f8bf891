"""What is known of one request while it is answered, for its log line and its counters."""

from dataclasses import dataclass, field
from typing import Any

import uuid_utils
from starlette.types import Scope

KEY = "renkei.trace"


@dataclass
class Trace:
    """``id`` is told to the caller; ``code`` is the problem's, if it ended in one.

    ``facts`` go into the log: ids of ours only, never what a person or a vendor wrote.
    """

    id: str = field(default_factory=lambda: f"req_{uuid_utils.uuid7().hex}")
    code: str = "ok"
    facts: dict[str, Any] = field(default_factory=dict)


def trace_of(scope: Scope) -> Trace:
    """The request's trace; a new one where nobody has begun it."""
    if KEY not in scope:
        scope[KEY] = Trace()
    trace: Trace = scope[KEY]
    return trace


def template_of(scope: Scope) -> str:
    """The route's template; a path as called may hold a secret and would be a label without end."""
    return str(getattr(scope.get("route"), "path", "unmatched"))
