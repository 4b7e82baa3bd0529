"""A process that stands beside the server: started, replaced where it is lost, ended with it.

It gets one line on its standard input, says `ready` on its standard output, and may say more there.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["SupervisedProcess"]

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0
"""Longer than the processes themselves let what is in progress take."""
_RESTART_SECONDS: Final = 0.1
_RESTART_SECONDS_MAX: Final = 10.0
_STEADY_SECONDS: Final = 60.0
"""A process that lived so long did not fail at once."""
_ROOT: Final = Path(__file__).resolve().parent.parent

_log = logging.getLogger("tieout.server")


class SupervisedProcess:
    """One module, run as a process of its own."""

    def __init__(
        self,
        module: str,
        settings: bytes,
        *,
        on_lost: Callable[[], None],
        on_line: Callable[[bytes], None] | None = None,
        descriptors: Sequence[int] = (),
    ) -> None:
        """Not started yet.

        `on_lost` hears of each process that ends by itself, `on_line` each line after `ready`.
        """
        self._module = module
        self._settings = settings
        self._on_lost = on_lost
        self._on_line = on_line
        self._descriptors = tuple(descriptors)
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def process_id(self) -> int:
        """The process that is there now; 0 before the first."""
        return self._process.pid if self._process else 0

    async def start(self) -> bool:
        """Start it and wait until it is ready; gives whether it is."""
        if not await self._launch():
            return False
        self._tasks.append(asyncio.create_task(self._keep()))
        return True

    async def stop(self) -> None:
        """Let it end; killed where that takes too long."""
        for task in self._tasks:
            task.cancel()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _keep(self) -> None:
        """Replace the process whenever it ends."""
        pause_seconds = _RESTART_SECONDS
        while self._process is not None:
            begun = time.monotonic()
            await self._listen(self._process)
            code = await self._process.wait()
            _log.error("%s ended with %d; another one is started", self._module, code)
            self._on_lost()
            if time.monotonic() - begun > _STEADY_SECONDS:
                pause_seconds = _RESTART_SECONDS
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _RESTART_SECONDS_MAX)
            await self._launch()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Hear what it says, to its end."""
        assert process.stdout is not None  # noqa: S101 - it was asked for as a pipe
        while line := await process.stdout.readline():
            if self._on_line is not None:
                self._on_line(line)

    async def _launch(self) -> bool:
        """Start a process; gives whether it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
            pass_fds=self._descriptors,
        )
        assert self._process.stdin is not None  # noqa: S101 - both were asked for as pipes
        assert self._process.stdout is not None  # noqa: S101 - both were asked for as pipes
        try:
            self._process.stdin.write(self._settings + b"\n")
            await self._process.stdin.drain()
            said = await asyncio.wait_for(self._process.stdout.readline(), _START_SECONDS)
        except (ConnectionError, TimeoutError):
            said = b""
        if said != b"ready\n" and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        return said == b"ready\n"
