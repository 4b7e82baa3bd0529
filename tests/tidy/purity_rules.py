"""Rules of purity: same input, same bytes out. Each yields the offences of one source file."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_files import Offence, SourceFile

__all__ = [
    "no_clock_or_chance",
    "no_files_in_engine",
    "no_imports_of_bench_or_tests",
    "no_slow_unique",
    "sorted_sets",
]

_FORBIDDEN_IMPORTS = frozenset(
    {
        "asyncio",
        "getpass",
        "locale",
        "logging",
        "multiprocessing",
        "os",
        "platform",
        "random",
        "secrets",
        "socket",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "uuid",
        "warnings",
        "zoneinfo",
    }
)
_FORBIDDEN_NAMES = re.compile(
    r"(datetime\.)?(datetime\.(now|utcnow|today)|date\.today)"
    r"|np\.random\b.*|Path\.(cwd|home)|id|hash|input|print|globals"
)


def no_clock_or_chance(source: SourceFile) -> Iterator[Offence]:
    """No clock, chance, environment, threads or hash order: arguments bring what is needed."""
    for node in source.nodes:
        for name in _imported(node):
            if name.split(".")[0] in _FORBIDDEN_IMPORTS:
                yield source.offence(node.lineno, f"imports {name}; make it an argument")
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if _FORBIDDEN_NAMES.fullmatch(called):
            yield source.offence(node.lineno, f"calls {called}: not the same on every run")


def no_files_in_engine(source: SourceFile) -> Iterator[Offence]:
    """The engine opens no file."""
    for node in source.nodes:
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if called == "open" or re.search(r"\.(read_text|read_bytes|write_text|open)$", called):
            yield source.offence(node.lineno, f"calls {called}; bytes enter as arguments")


def no_slow_unique(source: SourceFile) -> Iterator[Offence]:
    """`np.unique` is many times slower than sort and difference on large arrays."""
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "np.unique":
            yield source.offence(node.lineno, "np.unique: sort and compare neighbours instead")


def sorted_sets(source: SourceFile) -> Iterator[Offence]:
    """No loop or list runs over a set as it comes: its order is not the same on every run."""
    for node in source.nodes:
        runs_over = [node.iter] if isinstance(node, ast.For | ast.comprehension) else []
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("list", "tuple", "enumerate"):
            runs_over = node.args[:1]
        for one in runs_over:
            is_set = isinstance(one, ast.Set | ast.SetComp) or (
                isinstance(one, ast.Call) and ast.unparse(one.func) in ("set", "frozenset")
            )
            if is_set:
                yield source.offence(one.lineno, f"runs over {ast.unparse(one)}; sort it first")


def no_imports_of_bench_or_tests(source: SourceFile) -> Iterator[Offence]:
    """What is installed knows nothing of measures and tests."""
    for node in source.nodes:
        for name in _imported(node):
            if name.split(".")[0] in ("bench", "tests", "docs"):
                yield source.offence(node.lineno, f"imports {name}, which is not installed")


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module]
    return []
