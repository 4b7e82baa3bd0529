"""Rules of style: each takes one source file and yields its offences. No file is exempt."""

from __future__ import annotations

import ast
import re
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from source_files import Offence, SourceFile

__all__ = [
    "documented",
    "documented_module",
    "exact_exports",
    "explained_suppressions",
    "function_lengths",
    "median_function_length",
    "no_float_money",
    "no_markers",
    "no_skipped_tests",
    "short_functions",
    "short_lines",
    "short_modules",
    "telling_names",
    "worst_names",
]

MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
LINE_COLUMNS_MAX = 100

worst_names = frozenset({"utils", "util", "common", "helpers", "misc", "base", "manager", "lib"})

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_MARKER = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b")
_SUPPRESSION = re.compile(r"#\s*(noqa|type:\s*ignore)\b(.*)", re.DOTALL)
_EXPLAINED = {
    "noqa": re.compile(r":\s*[A-Z]+\d+(\s*,\s*[A-Z]+\d+)*\s+[-#]\s*\S.{3,}"),
    "type": re.compile(r"\[[a-z-]+(,\s*[a-z-]+)*\]\s+#\s*\S.{3,}"),
}
_MONEY = re.compile(
    r"minor|amount|cash|money|price|discount|deduction|write_off|balance|applied|surplus"
)
_DUNDER = re.compile(r"__\w+__")


def short_modules(source: SourceFile) -> Iterator[Offence]:
    """At most 500 lines in a module."""
    count = len(source.lines)
    if count > MODULE_LINES_MAX:
        yield source.offence(count, f"{count} lines; split the module at {MODULE_LINES_MAX}")


def short_lines(source: SourceFile) -> Iterator[Offence]:
    """At most 100 columns in a line. A suppression's reason after the code does not count."""
    for number, line in enumerate(source.lines, 1):
        if len(line) <= LINE_COLUMNS_MAX or _only_a_table_row(source, line):
            continue
        found = _SUPPRESSION.search(line)
        shown = line[: found.start()].rstrip() if found else line
        if len(shown) > LINE_COLUMNS_MAX:
            yield source.offence(number, f"{len(shown)} columns; break it at {LINE_COLUMNS_MAX}")


def _only_a_table_row(source: SourceFile, line: str) -> bool:
    """A row of a text table that is data: cells between `|`, inside a string of many lines."""
    if line.count("|") < 2 or line.lstrip().startswith("#"):
        return False
    return any(
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and line in node.value.splitlines()
        for node in source.nodes
    )


def function_lengths(source: SourceFile) -> list[tuple[ast.AST, str, int]]:
    """Node, name and lines of every function, its docstring left out: words cost little."""
    found = []
    for node in source.nodes:
        if isinstance(node, _FUNCTION):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node, clean=False) is not None:
                length -= (first.end_lineno or first.lineno) - first.lineno + 1
            found.append((node, node.name, length))
    return found


def short_functions(source: SourceFile) -> Iterator[Offence]:
    """At most 70 lines in a function, its docstring included."""
    for node in source.nodes:
        if isinstance(node, _FUNCTION):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield source.offence(
                    node.lineno, f"{node.name} has {length} lines; split it at {FUNCTION_LINES_MAX}"
                )


def median_function_length(sources: Sequence[SourceFile]) -> float:
    """Median lines of all functions of `sources`, docstrings left out."""
    return statistics.median(
        length for source in sources for _, _, length in function_lengths(source)
    )


def telling_names(source: SourceFile) -> Iterator[Offence]:
    """A module's name says what it holds."""
    if source.module in worst_names:
        yield source.offence(1, f"{source.module!r} says nothing; name the module by what it holds")


def documented_module(source: SourceFile) -> Iterator[Offence]:
    """A module begins by saying what it is for."""
    if ast.get_docstring(source.tree) is None:
        yield source.offence(1, "the module has no docstring")


def documented(source: SourceFile) -> Iterator[Offence]:
    """Module, public classes, public functions and methods have docstrings."""
    yield from documented_module(source)
    waiting: list[ast.AST] = [source.tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if not isinstance(node, (ast.ClassDef, *_FUNCTION)):
                continue
            if node.name.startswith("_") and not _DUNDER.fullmatch(node.name):
                continue
            overload = any("overload" in ast.unparse(one) for one in node.decorator_list)
            if ast.get_docstring(node) is None and not overload:
                yield source.offence(node.lineno, f"{node.name} has no docstring")
            if isinstance(node, ast.ClassDef):
                waiting.append(node)


def no_markers(source: SourceFile) -> Iterator[Offence]:
    """Work left over stands in the tracker, not in the source."""
    for number, line in enumerate(source.lines, 1):
        found = _MARKER.search(line)
        if found:
            yield source.offence(number, f"{found[1]}: do it, or write an issue")


def explained_suppressions(source: SourceFile) -> Iterator[Offence]:
    """Every `noqa` and `type: ignore` names its codes and gives a reason."""
    for number, comment in source.comments:
        for part in re.split(r"(?=#\s*(?:noqa|type:\s*ignore)\b)", comment):
            found = _SUPPRESSION.match(part)
            if found and not _EXPLAINED[found[1].split(":")[0]].match(found[2]):
                yield source.offence(number, f"{part.strip()!r} lacks a code or a reason")


def exact_exports(source: SourceFile) -> Iterator[Offence]:
    """`__all__` is there, sorted as ruff sorts it, and neither more nor less than the truth.

    A module of a docstring alone has nothing to name.
    """
    body = source.tree.body
    if all(isinstance(node, ast.Expr) for node in body):
        return
    listed, line = _exports(source.tree)
    if listed is None:
        yield source.offence(1, "__all__ is missing")
        return
    if listed != sorted(listed, key=_export_order):
        wanted = sorted(listed, key=_export_order)
        yield source.offence(line, f"__all__ is not sorted: {wanted}")
    if len(listed) != len(set(listed)):
        yield source.offence(line, "__all__ names something twice")
    bound, defined = _top_level_names(source.tree)
    for name in sorted(set(listed) - bound):
        yield source.offence(line, f"__all__ names {name!r}, which the module does not have")
    for name in sorted(defined - set(listed)):
        if not name.startswith("_"):
            yield source.offence(line, f"{name!r} is public by its name but not in __all__")


def _exports(tree: ast.Module) -> tuple[list[str] | None, int]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        if any(isinstance(one, ast.Name) and one.id == "__all__" for one in targets):
            return list(ast.literal_eval(node.value)), node.lineno
    return None, 1


def _export_order(name: str) -> tuple[int, list[tuple[int, int, str]]]:
    """CONSTANTS, then Classes, then the rest; numbers in names count as numbers."""
    constant = len(name) > 1 and name.isupper()
    rank = 0 if constant else 1 if name[:1].isupper() else 2
    parts = re.findall(r"\d+|\D", name)
    return rank, [(0, int(one), "") if one.isdigit() else (1, 0, one) for one in parts]


def _top_level_names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Names bound at the top level, and those of them that are classes or functions made here."""
    bound: set[str] = set()
    defined: set[str] = set()
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.ClassDef, *_FUNCTION)):
            bound.add(node.name)
            defined.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {one.asname or one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            inside = [one for target in targets for one in ast.walk(target)]
            bound |= {one.id for one in inside if isinstance(one, ast.Name)}
        elif isinstance(node, ast.If | ast.Try):
            waiting += [*node.body, *node.orelse]
    return bound, defined


def no_float_money(source: SourceFile) -> Iterator[Offence]:
    """No amount becomes a float: no `float(…)`, `astype(float…)` or `to_float` on money words."""
    for node in source.nodes:
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        arguments = ", ".join(ast.unparse(one) for one in node.args)
        makes_float = called in ("float", "np.float64", "np.float32", "np.double")
        if isinstance(node.func, ast.Attribute) and node.func.attr == "astype":
            makes_float = re.search(r"\bfloat|np\.double", arguments) is not None
            arguments = _column_of(node.func.value)
        if makes_float and _MONEY.search(arguments):
            shown = ast.unparse(node)
            yield source.offence(node.lineno, f"{shown} makes a float of money; keep minor units")


def _column_of(node: ast.expr) -> str:
    """The column an `astype` is called on; of other calls' results nothing is known."""
    reads = isinstance(node, ast.Call) and re.search(
        r"\.(int64|column|to_numpy)$", ast.unparse(node.func)
    )
    return ast.unparse(node) if reads or not isinstance(node, ast.Call) else ""


def no_skipped_tests(source: SourceFile) -> Iterator[Offence]:
    """A test may be left out only where it reads files beside the repository that are absent."""
    allowed: set[ast.AST] = set()
    for node in source.nodes:
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if called == "pytest.mark.skipif" and node.args and _absence(source, node.args[0]):
            allowed.add(node.func)
    for node in source.nodes:
        if not isinstance(node, ast.Attribute | ast.Name) or node in allowed:
            continue
        name = ast.unparse(node)
        if re.fullmatch(r"pytest\.(mark\.(skip|skipif|xfail)|skip|xfail|importorskip)", name):
            yield source.offence(node.lineno, f"{name}: every test runs, here and everywhere")


def _absence(source: SourceFile, condition: ast.expr) -> bool:
    """`not PLACE.is_dir()` (or `exists`) of a place that this file derives from `../shared`."""
    shown = re.fullmatch(r"not (\w+)\.(is_dir|exists)\(\)", ast.unparse(condition))
    if not shown:
        return False
    made = {
        target.id: ast.unparse(node.value)
        for node in source.tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return "'shared'" in made.get(shown[1], "")
