"""Long run: golden bank files truncated, flipped, cut, doubled and spliced, thousands of times."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from parsers.bank_files import parse_bank_file
from parsers.errors import UnrecognisedFileError

pytestmark = pytest.mark.long

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
FILES = sorted(
    path for path in GOLDEN.rglob("*") if path.is_file() and path.suffix not in (".json", ".md")
)
ROUNDS = 1_000


def _mutated(content: bytes, dice: random.Random) -> bytes:
    start, length = dice.randrange(len(content)), dice.randrange(1, 40)
    end = min(len(content), start + length)
    kind = dice.randrange(5)
    if kind == 0:
        return content[:start]
    if kind == 1:
        return content[:start] + content[end:]
    if kind == 2:
        return content[:end] + content[start:end] + content[end:]
    if kind == 3:
        return content[:start] + bytes(dice.randrange(256) for _ in range(4)) + content[start + 4 :]
    other = dice.randrange(len(content))
    return content[:start] + content[other : other + length] + content[start:]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_damaged_file_is_read_or_refused_and_every_row_has_a_place(path):
    original, dice = path.read_bytes(), random.Random(path.name)  # noqa: S311  # repeatable damage, no secret
    refused = read = 0
    for _ in range(ROUNDS):
        content = original
        for _ in range(dice.randrange(1, 4)):
            content = _mutated(content or b"0", dice)
        try:
            parsed = parse_bank_file(content, path.name)
        except UnrecognisedFileError as error:
            refused += path.name in str(error)  # a refusal that does not name the file counts not
        else:
            read += 1
            said = len(parsed.payments) + sum(parsed.counted_rows.values())
            assert said or len(parsed.diagnostics) or parsed.statement_count
    assert refused + read == ROUNDS
    assert read > ROUNDS // 20
