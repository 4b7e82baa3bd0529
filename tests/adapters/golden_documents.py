"""Writes the golden documents of the small book.

Run it as `.venv/bin/python tests/adapters/golden_documents.py`.

Read what changed as the ERP's integrator would, before it is committed.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
sys.path.append(str(Path(__file__).parent))

from ledgers import small_book

from adapters.accounts import read_determination
from adapters.catalogue import ADAPTERS, template
from adapters.documents import document_lines
from adapters.export import export_documents

GOLDEN = Path(__file__).parent / "golden"


def golden_files(name):
    """File name → content of the small book's documents for the adapter `name`."""
    adapter = ADAPTERS[name]
    export = export_documents(small_book().given(), adapter, read_determination(template(name)))
    held = "".join(
        f"{one.payment_id} {one.reason}: {one.sentence}\n" for one in export.held
    ).encode()
    documents = {"documents.jsonl": document_lines(export.documents), "held.txt": held}
    return documents | adapter.files(export.documents)


def main():
    for name in ADAPTERS:
        for file, content in golden_files(name).items():
            path = GOLDEN / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


if __name__ == "__main__":
    main()
