"""A coverage-guided fuzz target over every reader of bank files: `make fuzz`.

Takes what libFuzzer takes: folders of inputs to start from, the first of which grows;
`-max_total_time=S`, `-runs=N`. An input that breaks a promise is written where
`-artifact_prefix=` says.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))

with atheris.instrument_imports(include=["parsers", "engine"]):
    from accounting import check_accounts

    from parsers.bank_files import READERS

    for module, _ in READERS.values():
        import_module(module)


def one_input(content: bytes) -> None:
    """Any bytes are read or refused, with a place for every row."""
    check_accounts(content, "input")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
