"""A slow, obvious reader of lockbox files with the amount of a check in columns 7 to 17."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class OracleLockbox:
    """Checks and control totals of one file."""

    check_count: int = 0
    check_sum: int = 0
    invoice_count: int = 0
    totals: list[tuple[str, int, int]] = field(default_factory=list)
    """(record type, declared sum, sum of the checks before it)."""


def read(content: bytes) -> OracleLockbox:
    """Read every record of `content`."""
    found = OracleLockbox()
    batch = box = 0
    for line in content.decode("ascii").split("\n"):
        match line[:1]:
            case "6":
                amount = int(line[7:17])
                found.check_count += amount > 0
                found.check_sum += amount
                batch += amount
            case "4":
                found.invoice_count += bool(line[11:27].strip())
            case "7":
                found.totals.append(("7", int(line[23:33]), batch))
                box, batch = box + batch, 0
            case "8":
                found.totals.append(("8", int(line[24:34]), box))
                box = 0
    return found
