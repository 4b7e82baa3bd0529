"""A user's own schemas of camt messages: the folder that `--schema` names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["read_schemas"]

_VERSION: Final = re.compile(r"camt\.05[234]\.\d{3}\.\d{2,}")


def read_schemas(folder: str | Path) -> dict[str, bytes]:
    """Version → content of each XSD in `folder` whose name tells a version of a camt message.

    Raises `FileNotFoundError` where there is none.
    """
    found: dict[str, bytes] = {}
    for path in sorted(Path(folder).glob("*.xsd")):
        version = _VERSION.search(path.name)
        if version is not None:
            found[version[0]] = path.read_bytes()
    if not found:
        message = f"{folder} holds no schema such as camt.053.001.08.xsd"
        raise FileNotFoundError(message)
    return found
