"""`python -m bench.serving LOG [INTAKE]`: the hub as `renkei serve` runs it, with a bench's shops.

INTAKE is one of bench/intakes.py. Settings come from the environment. The address is printed once
it listens; SIGTERM ends it.
"""

import sys
from contextlib import closing
from pathlib import Path
from socket import socket

from bench.intakes import with_intake
from bench.vendor import VENDOR
from renkei.bootstrap import open_hub
from renkei.cli.logs import configure_logs
from renkei.cli.running import run_async
from renkei.config import load_settings
from renkei.listening import listen, url_of
from renkei.registry import Registry
from renkei.serving import running, stop_on_signals
from renkei_woocommerce.plugin import VENDOR as WOOCOMMERCE


async def _serve(listener: socket, intake: str) -> None:
    stop = stop_on_signals()
    registry = Registry({one.name: one for one in (VENDOR, WOOCOMMERCE)})
    async with (
        open_hub(load_settings(), registry=registry) as hub,
        running(with_intake(hub, intake), listener) as parts,
    ):
        sys.stdout.write(f"{url_of(listener)}\n")
        sys.stdout.flush()
        await parts.until(stop)


def main(log: Path, intake: str = "own") -> None:
    """Serve until told to stop; what the hub says goes into ``log``."""
    with log.open("w") as stream, closing(listen("127.0.0.1", 0)) as listener:
        configure_logs("info", stream)
        run_async(_serve(listener, intake))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
