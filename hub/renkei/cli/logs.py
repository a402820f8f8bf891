"""Structured logs: lines for a person on a terminal, JSON for a program; no secret in either."""

import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import Processor

from renkei.config import LogFormat

# httpx writes whole addresses, SQLAlchemy whole statements; uvicorn's access log is off, since a
# webhook's address may hold its secret.
QUIET = ("httpx", "httpcore", "sqlalchemy", "alembic", "asyncio")
WARNINGS = "py.warnings"

SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


class _Lines:
    """Writes to a stream, and knows which module speaks.

    A line that cannot be written, to a full disk or a pipe that nobody reads any more, is lost, as
    with ``logging``: nobody is refused a sale for it.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self.name = name

    def msg(self, line: str) -> None:
        """Write it."""
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


def configure_logs(level: str, stream: TextIO, form: LogFormat = "auto") -> None:
    """Send what the hub and its libraries log at ``level`` or above to ``stream``.

    ``auto``: lines where a person looks, JSON where a program does. The hub's own lines go there
    by themselves: by way of ``logging`` each request's would be a quarter of what it costs.
    """
    terminal = stream.isatty()
    person = form == "lines" or (form == "auto" and terminal)
    last = _for_a_person(terminal) if person else _for_a_program()
    structlog.configure(
        processors=[*SHARED, *last],
        logger_factory=lambda name: _Lines(stream, name),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    _configure_libraries(level, stream, last)


def silence_logs(*, debug: bool) -> None:
    """For commands that answer a person: failures are said in one line, not logged."""
    configure_logs("debug" if debug else "critical", sys.stderr)


def _configure_libraries(level: str, stream: TextIO, last: list[Processor]) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    handler.setLevel(level.upper())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)  # a library's warnings are no lines of ours on stderr
    for name in QUIET:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    logging.getLogger(WARNINGS).setLevel(root.level if level == "debug" else logging.CRITICAL)


def _for_a_person(colors: bool) -> list[Processor]:
    return [structlog.dev.ConsoleRenderer(colors=colors)]


def _for_a_program() -> list[Processor]:
    json_lines = structlog.processors.JSONRenderer(serializer=_as_json)
    return [structlog.processors.dict_tracebacks, json_lines]


def _as_json(event: Any, default: Callable[[Any], Any]) -> str:
    """What the fast writer cannot spell, such as half a character, the slow one can."""
    try:
        return orjson.dumps(event, default=default).decode()
    except orjson.JSONEncodeError:
        return json.dumps(event, default=default)
