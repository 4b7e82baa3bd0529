"""What the kernel knows about our processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["resident_bytes"]

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(process_id: int) -> int:
    """Memory that a process has in RAM; 0 where it is gone, or the system does not say."""
    try:
        pages = Path(f"/proc/{process_id}/statm").read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * _PAGE_BYTES
