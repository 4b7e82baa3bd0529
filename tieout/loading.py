"""What a short command pays for being a Python program, kept small.

Loading some hundred modules makes tens of thousands of objects that live until the process ends.
The collector looks through them again and again while they come, and once more at the very end;
there is nothing to find. `tests/cli/test_starting.py` keeps both away, `make bench-startup`
measures them.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["loading", "nothing_to_collect"]


@contextmanager
def loading() -> Iterator[None]:
    """Import inside without a collection; afterwards the collector works as it did."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def nothing_to_collect() -> None:
    """Spare the end of the process a last look at all that is loaded."""
    gc.freeze()
