"""Comments of the contract by the full name of what they stand above.

Generated stubs carry no comments, and the pages are written without a compiler of protocol
buffers. The contract is formatted in one way and comments every element, which is all that this
reader relies on; a test holds it against the descriptors.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["contract_comments"]

_PROTO: Final = Path(__file__).resolve().parents[1] / "proto"

_PACKAGE: Final = re.compile(r"package ([\w.]+);")
_BLOCK: Final = re.compile(r"(?:message|enum|service|oneof) (\w+) \{(.*)")
_RPC: Final = re.compile(r"rpc (\w+)\(")
_FIELD: Final = re.compile(r"(?:(?:optional|repeated) )?(?:map<[^>]*>|[\w.]+) (\w+) = \d+[ ;]")
_VALUE: Final = re.compile(r"([A-Z][A-Z0-9_]*) = \d+[ ;]")


def contract_comments(folder: Path = _PROTO) -> dict[str, str]:
    """Full name (`tieout.v1.Payment.payment_id`) → what stands above it, as one text."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.proto")):
        _read(path.read_text("utf-8"), found)
    return found


def _read(text: str, found: dict[str, str]) -> None:
    scopes: list[str] = []
    above: list[str] = []
    for line in (one.strip() for one in text.splitlines()):
        if line.startswith("//"):
            above.append(line.removeprefix("//").strip())
            continue
        name = _name(line)
        if package := _PACKAGE.match(line):
            scopes = [package[1]]
        elif name:
            _keep(found, [*scopes, name], above)
        block = _BLOCK.match(line)
        if block and not block[2].endswith("}"):
            # A oneof names a choice: its fields belong to the message around it.
            scopes.append("" if line.startswith("oneof") else block[1])
        elif line == "}":
            scopes.pop()
        above = []


def _name(line: str) -> str:
    for pattern in (_BLOCK, _RPC, _VALUE, _FIELD):
        matched = pattern.match(line)
        if matched:
            return matched[1]
    return ""


def _keep(found: dict[str, str], scopes: list[str], above: list[str]) -> None:
    name = ".".join(filter(None, scopes))
    if above:
        found[name] = " ".join(above)
