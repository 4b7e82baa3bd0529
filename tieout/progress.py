"""How a job tells what it is doing: timings always, a bar or plain lines where somebody looks."""

from __future__ import annotations

import resource
import sys
import time
from typing import TYPE_CHECKING, Final, Literal, Self, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.progress import Progress, TaskID

    from engine.matcher import StageObserver

__all__ = [
    "ByteProgress",
    "ProgressMode",
    "ProgressReporter",
    "StageClock",
    "peak_memory_bytes",
    "quiet",
]

ProgressMode = Literal["auto", "bar", "plain", "none"]
"""`auto` is a bar where stderr is a terminal, nothing otherwise."""


_BAR_BYTES_MIN: Final = 16 << 20
"""Files of fewer bytes are read before a bar could be read."""


def quiet(stage: str, row_count: int) -> None:
    """An observer that says nothing."""
    del stage, row_count


class StageClock:
    """An observer that measures how long each stage takes and passes it on to another one.

    A stage lasts until the next one begins; a stage that begins again is added up.
    """

    def __init__(
        self, observe: StageObserver, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Pass stages on to `observe`; `clock` gives seconds."""
        self._observe = observe
        self._clock = clock
        self._started = self._stage_started = clock()
        self._stage = ""
        self.seconds: dict[str, float] = {}
        self.rows: dict[str, int] = {}

    def __call__(self, stage: str, row_count: int) -> None:
        """A stage begins."""
        self.stop()
        self._stage = stage
        self.rows[stage] = self.rows.get(stage, 0) + row_count
        self._observe(stage, row_count)

    def handled(self, row_count: int) -> None:
        """Say how many rows the running stage handled, where that was not known before."""
        self.rows[self._stage] = row_count

    def stop(self) -> float:
        """End the running stage; gives the seconds since the beginning."""
        now = self._clock()
        if self._stage:
            spent = self.seconds.get(self._stage, 0.0)
            self.seconds[self._stage] = spent + now - self._stage_started
            self._stage = ""
        self._stage_started = now
        return now - self._started


class ProgressReporter:
    """An observer for people, and the context it lives in: a bar, plain lines, or silence."""

    def __init__(self, mode: ProgressMode = "auto", stream: TextIO | None = None) -> None:
        """Report to `stream` (stderr where not given)."""
        self._stream = sys.stderr if stream is None else stream
        self._mode = mode
        if mode == "auto":
            self._mode = "bar" if self._stream.isatty() else "none"
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Start the bar, where there is one."""
        if self._mode == "bar":
            from rich.console import Console  # noqa: PLC0415  # only where somebody looks
            from rich.progress import Progress  # noqa: PLC0415  # only where somebody looks

            self._bar = Progress(console=Console(file=self._stream), transient=True)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the bar away, so that what follows stands on a clean line."""
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, stage: str, row_count: int) -> None:
        """A stage begins."""
        words = stage.replace("_", " ") + (f", {row_count:,} rows" if row_count else "")
        if self._mode == "plain":
            print(f"tieout: {words}", file=self._stream, flush=True)
        elif self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(words, total=None)


class ByteProgress:
    """A bar over the bytes of a file, where stderr is a terminal and the file worth a bar."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Draw on `stream` (stderr where not given)."""
        self._stream = sys.stderr if stream is None else stream
        self._is_watched = self._stream.isatty()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """The bar begins with the first large file."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the bar away, so that what follows stands on a clean line."""
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done_bytes: int, size_bytes: int) -> None:
        """`done_bytes` of `size_bytes` are read."""
        if not self._is_watched or size_bytes < _BAR_BYTES_MIN:
            return
        if self._bar is None or self._task is None:
            from rich.console import Console  # noqa: PLC0415  # only where somebody looks
            from rich.progress import (  # noqa: PLC0415  # only where somebody looks
                BarColumn,
                DownloadColumn,
                Progress,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            self._bar = Progress(
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=Console(file=self._stream),
                transient=True,
            )
            self._task = self._bar.add_task("read", total=size_bytes)
            self._bar.start()
        self._bar.update(self._task, completed=done_bytes)


def peak_memory_bytes() -> int:
    """Largest resident size this process has had."""
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kibibytes if sys.platform == "darwin" else kibibytes * 1024
