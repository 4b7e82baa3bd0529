"""Style is a unit test: every rule holds for every file, and every rule finds its offence."""

from __future__ import annotations

import ast
import statistics

import purity_rules
import pytest
import tidy_rules
from source_files import EVERYTHING, PRODUCT, PURE, SourceFile, nodes_with_scope, source_files

pytestmark = pytest.mark.xdist_group("tidy")

RULES = {
    "modules are short": (tidy_rules.short_modules, EVERYTHING),
    "functions are short": (tidy_rules.short_functions, EVERYTHING),
    "lines are short": (tidy_rules.short_lines, EVERYTHING),
    "names say what a module holds": (tidy_rules.telling_names, EVERYTHING),
    "every module is documented": (tidy_rules.documented_module, EVERYTHING),
    "every public name is documented": (tidy_rules.documented, (*PRODUCT, "bench", "docs")),
    "no work is left over in comments": (tidy_rules.no_markers, EVERYTHING),
    "every suppression has code and reason": (tidy_rules.explained_suppressions, EVERYTHING),
    "__all__ is exact": (tidy_rules.exact_exports, PRODUCT),
    "money is never a float": (tidy_rules.no_float_money, EVERYTHING),
    "every test runs": (tidy_rules.no_skipped_tests, ("tests",)),
    "no clock and no chance in pure packages": (purity_rules.no_clock_or_chance, PURE),
    "the engine opens no file": (purity_rules.no_files_in_engine, ("engine",)),
    "no np.unique on columns": (purity_rules.no_slow_unique, PURE),
    "sets are sorted before use": (purity_rules.sorted_sets, PURE),
    "the product knows no tests": (purity_rules.no_imports_of_bench_or_tests, PRODUCT),
}

OFFENDERS = {
    "modules are short": "\n" * 501,
    "functions are short": "def f():\n" + "    x = 1\n" * 70,
    "lines are short": f"x = '{'y' * 100}'",
    "every module is documented": "x = 1",
    "every public name is documented": '"""Doc."""\n\ndef f():\n    pass',
    "no work is left over in comments": "# TO" + "DO: later",
    "every suppression has code and reason": "import os  # noqa" + ": F401",
    "__all__ is exact": '__all__ = ["f", "Missing"]\n\ndef f(): ...',
    "money is never a float": "x = float(row.amount)",
    "every test runs": "import pytest\n\n@pytest.mark.skip\ndef test_x(): ...",
    "no clock and no chance in pure packages": "import datetime\nnow = datetime.datetime.now()",
    "the engine opens no file": "x = open('f')",
    "no np.unique on columns": "import numpy as np\nx = np.unique([1])",
    "sets are sorted before use": "x = [y for y in {1, 2}]",
    "the product knows no tests": "import tests.tidy",
}


@pytest.mark.parametrize("name", RULES)
def test_the_rule_holds_everywhere(name):
    rule, places = RULES[name]
    sources = source_files(*places)
    offences = [str(offence) for source in sources for offence in rule(source)]
    assert sources, f"no source below {places}"
    assert not offences, f"{name}:\n" + "\n".join(offences)


@pytest.mark.parametrize("name", OFFENDERS)
def test_the_rule_finds_its_offence(name):
    rule, _ = RULES[name]
    assert list(rule(SourceFile("engine/somewhere.py", OFFENDERS[name])))


@pytest.mark.parametrize("module", sorted(tidy_rules.worst_names))
def test_a_module_named_for_nothing_is_found(module):
    assert list(tidy_rules.telling_names(SourceFile(f"engine/{module}.py", "")))
    assert list(tidy_rules.telling_names(SourceFile(f"engine/{module}/__init__.py", "")))


@pytest.mark.parametrize(
    "comment",
    ["# type: " + "ignore", "# no" + "qa", "# no" + "qa: E501", "# type: " + "ignore[misc]"],
)
def test_a_suppression_without_code_or_reason_is_found(comment):
    assert list(tidy_rules.explained_suppressions(SourceFile("engine/x.py", f"x = 1  {comment}")))


@pytest.mark.parametrize(
    "comment",
    [
        "# type: " + "ignore[misc]  # the stubs are older than the library",
        "# no" + "qa: PLC0415  # a run reads few formats",
        "# no" + "qa: S608, E501 - names of the schema",
    ],
)
def test_a_suppression_with_code_and_reason_is_accepted(comment):
    source = SourceFile("engine/x.py", f"x = 1  {comment}")
    assert not list(tidy_rules.explained_suppressions(source))


def test_exports_are_sorted_as_ruff_sorts_them():
    names = ["BIG", "MAX_9", "MAX_10", "Batch", "of"]
    exact = f"__all__ = {names}\n{' = '.join(names)} = 1"
    assert not list(tidy_rules.exact_exports(SourceFile("engine/x.py", exact)))
    mixed = '__all__ = ["Batch", "BIG"]\nBIG = Batch = 1'
    assert list(tidy_rules.exact_exports(SourceFile("engine/x.py", mixed)))


def test_a_test_that_needs_files_beside_the_repository_may_be_left_out():
    text = (
        "import pytest\nSHARED = ROOT / 'shared'\n"
        "pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason='absent')"
    )
    assert not list(tidy_rules.no_skipped_tests(SourceFile("tests/x.py", text)))
    other = text.replace("'shared'", "'large'")
    assert list(tidy_rules.no_skipped_tests(SourceFile("tests/x.py", other)))


def test_most_functions_fit_in_a_glance():
    assert tidy_rules.median_function_length(source_files(*PRODUCT)) <= 12


def test_most_modules_fit_on_a_few_screens():
    lengths = [len(source.lines) for source in source_files(*PRODUCT)]
    assert statistics.quantiles(lengths, n=10)[-1] <= 350


def test_nothing_shared_is_taken_twice_by_two_strategies():
    for source in source_files("engine/strategies"):
        imports = [
            node.module
            for node, _ in nodes_with_scope(source.tree)
            if isinstance(node, ast.ImportFrom)
        ]
        assert not [one for one in imports if one and one.startswith("engine.strategies")]
