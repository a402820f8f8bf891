"""Structured logs: lines for a person on a terminal, JSON for a program; no secret in either."""

import logging
import sys
from typing import TextIO

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


def configure_logs(level: str, stream: TextIO, form: LogFormat = "auto") -> None:
    """Send what the hub and its libraries log at ``level`` or above to ``stream``.

    ``auto``: lines where a person looks, JSON where a program does.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    terminal = stream.isatty()
    person = form == "lines" or (form == "auto" and terminal)
    handler.setFormatter(_formatter(person=person, colors=terminal))
    handler.setLevel(level.upper())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)  # a library's warnings are no lines of ours on stderr
    for name in QUIET:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    logging.getLogger(WARNINGS).setLevel(root.level if level == "debug" else logging.CRITICAL)


def silence_logs(*, debug: bool) -> None:
    """For commands that answer a person: failures are said in one line, not logged."""
    configure_logs("debug" if debug else "critical", sys.stderr)


def _formatter(*, person: bool, colors: bool) -> structlog.stdlib.ProcessorFormatter:
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if person:
        last.append(structlog.dev.ConsoleRenderer(colors=colors))
    else:
        last += [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=SHARED, processors=last)
