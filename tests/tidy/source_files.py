"""The repository's own source files, parsed once, for the rules of style and purity."""

from __future__ import annotations

import ast
import functools
import io
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "EVERYTHING",
    "GENERATED",
    "PRODUCT",
    "PURE",
    "ROOT",
    "Offence",
    "SourceFile",
    "nodes_with_scope",
    "source_files",
]

ROOT = Path(__file__).resolve().parents[2]

PURE = ("engine", "parsers", "adapters", "desk")
"""Packages whose results depend on their arguments alone."""

PRODUCT = (*PURE, "store", "rpc", "web", "cluster", "tieout", "server.py")
"""What is installed."""

EVERYTHING = (*PRODUCT, "bench", "deploy", "docs", "tests")
"""Every folder with Python in it."""

GENERATED = ROOT / "tieout" / "v1"
"""Stubs: generated from proto/, marked, and compared by a test of their own."""


@dataclass(frozen=True)
class Offence:
    """A place that breaks a rule: file, line, and what to do about it."""

    place: str
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.place}:{self.line}: {self.sentence}"


@dataclass(frozen=True)
class SourceFile:
    """One Python file: `name` is its path from the root, with forward slashes."""

    name: str
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @functools.cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree."""
        return tuple(ast.walk(self.tree))

    @functools.cached_property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return self.text.splitlines()

    @functools.cached_property
    def comments(self) -> list[tuple[int, str]]:
        """Line and text of every comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [(one.start[0], one.string) for one in tokens if one.type == tokenize.COMMENT]

    @property
    def module(self) -> str:
        """The last part of the module's name; of a package, the package's."""
        path = Path(self.name)
        return path.parent.name if path.name == "__init__.py" else path.stem

    def offence(self, line: int, sentence: str) -> Offence:
        """An offence in this file."""
        return Offence(self.name, line, sentence)


@functools.cache
def source_files(*places: str) -> tuple[SourceFile, ...]:
    """Every Python file below `places` (folders or files under the root), but generated ones."""
    found = []
    for place in places:
        path = ROOT / place
        below = sorted(path.rglob("*.py")) if path.is_dir() else [path] if path.exists() else []
        found += [one for one in below if GENERATED not in one.parents]
    return tuple(_read(path) for path in found)


@functools.cache
def _read(path: Path) -> SourceFile:
    """Read and parsed once, however many rules look at it."""
    return SourceFile(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))


def nodes_with_scope(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every node and the dotted name of the classes and functions around it."""
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, scope = waiting.pop()
        yield node, scope
        inner = scope
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{scope}.{node.name}".lstrip(".")
        waiting += [(child, inner) for child in ast.iter_child_nodes(node)]
