"""Run trytond until standard input closes, so that it never outlives whoever started it.

Runs inside Tryton's own virtual environment: ``python serve_shop.py -c CONFIG -d DATABASE``.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading


def end_with_standard_input() -> None:
    """End the process when the other end of standard input is gone."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main() -> None:
    """Serve with the arguments of the ``trytond`` command."""
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    importlib.import_module("trytond.cli").main()


if __name__ == "__main__":
    main()
