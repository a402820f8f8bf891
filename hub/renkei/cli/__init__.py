"""The command line: ``main`` runs one command and ends the process with its exit code.

0: done. 1: something is not as it must be, and the output says what. 2: refused, with one line on
stderr that says what to do. 130: interrupted.
"""

import asyncio
import errno
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from renkei.cli.logs import silence_logs
from renkei.cli.screen import errors
from renkei.storage.embedded import EmbeddedRefused
from renkei_contracts.errors import RenkeiError

REFUSED = 2
FAULT = 1
INTERRUPTED = 130

NOT_UTF8 = "surrogates not allowed"
"""What Python says as it writes an argument that it could not read as UTF-8."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command of ``arguments`` (None: the process's own) and exit."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given or bool(os.environ.get("RENKEI_DEBUG"))
    silence_logs(debug=debug)
    sys.exit(_written(run(given, debug=debug)))


def run(arguments: Sequence[str], *, debug: bool = False) -> int:
    """Run one command and give its exit code; with ``debug``, failures keep their traceback."""
    from renkei.cli.app import app  # here: whoever needs one module of this package loads no other

    try:
        result = app(list(arguments) or ["--help"], prog_name="renkei", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except (KeyboardInterrupt, asyncio.CancelledError, typer.Abort):
        return INTERRUPTED
    except TyperException as error:
        return _end(f"{error.format_message().rstrip('.')}: see `{_path(error)} --help`", REFUSED)
    except (RenkeiError, EmbeddedRefused) as error:
        if debug:
            raise
        return _end(str(error), REFUSED)
    except Exception as error:
        if debug:
            raise
        if mend := _mend(error):
            return _end(mend, REFUSED)
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        return _end(f"a fault of ours: {said} (run it again with --debug to see where)", FAULT)


def _mend(error: Exception) -> str:
    """What to do about an error that is no fault of ours; empty where it is one."""
    if isinstance(error, UnicodeEncodeError) and error.reason == NOT_UTF8:
        return "an argument holds bytes that are no UTF-8: type it again"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "a disk that it writes to is full: make room, and run it again"
    return ""


def _written(code: int) -> int:
    """The exit code once all output is out. What a full disk did not take is left: Python would try
    it again as the process ends, and end with a code of its own."""
    try:
        sys.stdout.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        mend = _mend(error)
        return _end(mend, REFUSED) if mend and code == 0 else code
    return code


def _path(error: TyperException) -> str:
    """The command whose help says more: as far as its name was understood."""
    context = getattr(error, "ctx", None)
    return context.command_path if context is not None else "renkei"


def _end(message: str, code: int) -> int:
    """Say it in one line: whatever follows the first is for the log."""
    errors.print(f"renkei: {message.strip().splitlines()[0]}", markup=False, soft_wrap=True)
    return code
