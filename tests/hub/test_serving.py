"""What signals ask of a process that serves."""

import asyncio
import signal

from renkei.serving import Running, stop_on_signals, web_server


async def asked(*numbers: signal.Signals) -> tuple[bool, bool]:
    """Whether it is to stop, and at once, after these signals."""
    hurry = asyncio.Event()
    stop = stop_on_signals(hurry)
    loop = asyncio.get_running_loop()
    try:
        for number in numbers:
            signal.raise_signal(number)
        await asyncio.wait_for(stop.wait(), 5)
        if len(numbers) > 1:
            await asyncio.wait_for(hurry.wait(), 5)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
    return stop.is_set(), hurry.is_set()


async def test_a_supervisor_leaves_it_time_and_a_person_does_not() -> None:
    assert await asked(signal.SIGTERM) == (True, False)
    assert await asked(signal.SIGINT) == (True, True)


async def test_a_terminal_that_is_closed_leaves_it_time_to_finish() -> None:
    assert await asked(signal.SIGHUP) == (True, False)


async def test_under_nohup_a_closed_terminal_says_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stop = stop_on_signals()
        signal.raise_signal(signal.SIGHUP)
        await asyncio.sleep(0)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert not stop.is_set()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(signal.SIGHUP, before)


async def test_who_asks_twice_is_in_a_hurry() -> None:
    assert await asked(signal.SIGTERM, signal.SIGTERM) == (True, True)


async def test_lingering_says_so_at_once_and_ends_when_somebody_hurries() -> None:
    async def serve() -> None:
        await asyncio.Event().wait()

    web = asyncio.create_task(serve())
    leaving, hurry = asyncio.Event(), asyncio.Event()
    running = Running(web_server(None), web, None, asyncio.Event(), leaving)
    lingering = asyncio.create_task(running.linger(300, hurry))
    await asyncio.wait_for(leaving.wait(), 5)
    assert not lingering.done()
    hurry.set()
    await asyncio.wait_for(lingering, 5)
    web.cancel()
