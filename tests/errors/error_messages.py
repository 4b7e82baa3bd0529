"""What `tieout parse` says about each reproducer, code by code.

A reproducer is a file named by its code, or a folder `CODE` of files that are given together; what
else it needs stands in `bank_accounts.csv` and `schemas` of the folder. Its golden message is
`CODE.txt`: what the command prints about that code. Run this module to write the messages anew.
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import mock

import click
from click.testing import CliRunner

from tieout.commands import cli
from tieout.diagnostic_text import DiagnosticDigest

FOLDER = Path(__file__).resolve().parent
_OPTIONS = {"bank_accounts.csv": "--bank-accounts", "schemas": "--schema"}


def reproducers():
    """Code → its file or folder, in alphabetical order."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        code = path.name.split(".")[0]
        if code == code.upper() and path.suffix != ".txt" and not code.startswith("_"):
            assert code not in found, f"two reproducers of {code}"
            found[code] = path
    return found


def said(path):
    """What the command prints on stderr for the reproducer at `path`, about its code alone."""
    code = path.name.split(".")[0]
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    given = [str(file) for file in files if file.name not in _OPTIONS]
    for file in files:
        if file.name in _OPTIONS:
            given += [_OPTIONS[file.name], str(file)]
    texts = []
    whole = DiagnosticDigest.texts

    def of_the_code(digest):
        for text in whole(digest):
            plain = click.unstyle(text)
            if f" {code} " in plain.split("\n", 1)[0]:
                texts.append(plain)
            yield text

    with mock.patch.object(DiagnosticDigest, "texts", of_the_code):
        result = CliRunner().invoke(cli, ["parse", *given], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    printed = click.unstyle(result.stderr)
    assert all(text in printed for text in texts)
    return "\n".join(texts) + "\n"


def main():
    """Write the golden message of every reproducer."""
    for path in reproducers().values():
        path.with_name(f"{path.name.split('.')[0]}.txt").write_text(said(path), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
