"""The documents of the small book are the golden ones, byte for byte."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from golden_documents import GOLDEN, golden_files

from adapters.catalogue import ADAPTERS


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_documents_are_the_golden_ones(name):
    made = golden_files(name)
    kept = {path.name: path.read_bytes() for path in (GOLDEN / name).iterdir()}
    assert made.keys() == kept.keys()
    for file, content in made.items():
        assert content == kept[file], f"{name}/{file}: run tests/adapters/golden_documents.py"


def test_there_are_golden_documents_of_every_adapter_and_of_no_other():
    assert {path.name for path in GOLDEN.iterdir()} == set(ADAPTERS)
