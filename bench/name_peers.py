"""Other ways to find the customer of a name, timed over the same names; runs in an environment of
its own.

`python name_peers.py NAMES.json` reads customers, payers and their truth, and prints one JSON
object: per peer the processor seconds, the names asked, and how many found their customer. Both get
the names folded, as ours are; building an index is not counted, as with ours.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ["main"]

_CDIST_NAMES = 200


def _cosine(customers: list[str], payers: list[str], truth: list[int]) -> dict[str, Any]:
    """Cosine of TF-IDF weights of three letters within words, the best ten kept."""
    text: Any = importlib.import_module("sklearn.feature_extraction.text")
    topn: Any = importlib.import_module("sparse_dot_topn")
    vectors = text.TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3))
    known = vectors.fit_transform(customers).T.tocsr()
    started = time.process_time()
    best = topn.sp_matmul_topn(vectors.transform(payers), known, top_n=10, n_threads=1, sort=True)
    seconds = time.process_time() - started
    first = [
        int(best.indices[begin]) if end > begin else -1
        for begin, end in zip(best.indptr[:-1], best.indptr[1:], strict=True)
    ]
    right = sum(found == wanted for found, wanted in zip(first, truth, strict=True))
    return {"seconds": seconds, "names": len(payers), "right": right}


def _ratio(customers: list[str], payers: list[str], truth: list[int]) -> dict[str, Any]:
    """Every customer compared with every name, letter by letter."""
    numpy: Any = importlib.import_module("numpy")
    process: Any = importlib.import_module("rapidfuzz.process")
    fuzz: Any = importlib.import_module("rapidfuzz.fuzz")
    asked = payers[:_CDIST_NAMES]
    started = time.process_time()
    scores = process.cdist(asked, customers, scorer=fuzz.ratio, dtype=numpy.uint8, workers=1)
    best = scores.argmax(axis=1)
    seconds = time.process_time() - started
    right = sum(int(found) == wanted for found, wanted in zip(best, truth, strict=False))
    return {"seconds": seconds, "names": len(asked), "right": right}


def main(arguments: list[str]) -> int:
    """Time every peer on one file of names."""
    world = json.loads(Path(arguments[0]).read_text("utf-8"))
    found = {
        "sparse_dot_topn": _cosine(world["customers"], world["payers"], world["truth"]),
        "rapidfuzz": _ratio(world["customers"], world["payers"], world["truth"]),
    }
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
