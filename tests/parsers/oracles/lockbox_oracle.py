"""A slow, obvious reader of lockbox files: columns written out here, one loop, no shared code."""

from __future__ import annotations

from dataclasses import dataclass, field

CHECK_COLUMNS = {
    "a": {"amount": (7, 17), "routing": (17, 26), "account": (26, 36), "number": (36, 46)},
    "sap": {"amount": (7, 17), "routing": (17, 26), "account": (26, 36), "number": (36, 46)},
    "b": {"amount": (40, 50), "routing": (50, 58), "account": (58, 68), "number": (68, 80)},
}
LOCKBOX_TOTAL = {"a": (24, 34), "sap": (24, 34), "b": (23, 33)}


@dataclass
class OracleCheck:
    """A check and what it pays, as text of the file."""

    amount: int
    routing: str
    account: str
    number: str
    lines: list[tuple[str, int]] = field(default_factory=list)
    memos: list[str] = field(default_factory=list)


@dataclass
class OracleLockbox:
    """Checks and control totals of one file."""

    checks: list[OracleCheck] = field(default_factory=list)
    totals: list[tuple[str, int, int]] = field(default_factory=list)
    """(record type, declared sum, sum of the checks before it)."""

    @property
    def check_count(self):
        """Checks with money."""
        return sum(check.amount > 0 for check in self.checks)

    @property
    def check_sum(self):
        """Money of all checks."""
        return sum(check.amount for check in self.checks)

    @property
    def invoice_count(self):
        """References of all checks."""
        return sum(len(check.lines) for check in self.checks)


def read(content: bytes, layout: str = "sap") -> OracleLockbox:
    """Read every record of `content` by the columns of `layout`: a, b or sap."""
    found = OracleLockbox()
    batch = box = 0
    columns = CHECK_COLUMNS[layout]
    for line in content.decode("ascii").split("\n"):
        match line[:1]:
            case "6":
                fields = {name: line[start:stop].strip() for name, (start, stop) in columns.items()}
                check = OracleCheck(int(fields.pop("amount")), **fields)
                found.checks.append(check)
                batch += check.amount
            case "4":
                check = found.checks[-1]
                if layout == "a":
                    memo = line[11:41].strip()
                    if " " in memo:
                        check.memos.append(memo)
                    elif memo:
                        check.lines.append((memo, 0))
                else:
                    start, stop, end = (11, 27, 37) if layout == "sap" else (10, 20, 30)
                    document, paid = line[start:stop].strip(), line[stop:end].strip()
                    if document:
                        check.lines.append((document, int(paid or 0)))
            case "7":
                found.totals.append(("7", int(line[23:33]), batch))
                box, batch = box + batch, 0
            case "8":
                start, stop = LOCKBOX_TOTAL[layout]
                found.totals.append(("8", int(line[start:stop]), box))
                box = 0
    return found
