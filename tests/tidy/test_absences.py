"""What docs/architecture.md says is absent is absent."""

from __future__ import annotations

import ast

import pytest
from source_files import PRODUCT, ROOT, source_files

from engine import schemas

pytestmark = pytest.mark.xdist_group("tidy")

MONEY_SUFFIX = "_minor"
NO_REASON = ("OK", "CANCELLED")
SPEAK_PROTOBUF = (
    "rpc/",
    "web/",
    "tieout/client/",
    "tieout/commands/",
    "tieout/serving/",
    "server.py",
)


def imports_of(source):
    """Every module a file imports, lazily or not."""
    for node in source.nodes:
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


def test_the_audit_shares_no_code_with_the_matcher():
    audit = source_files("engine/audit.py", "engine/audit_exchange.py")
    assert len(audit) == 2
    ours = {name for one in audit for name in imports_of(one) if name.startswith("engine")}
    # What is declared is an input, as the rows are.
    declared = {"policy", "policy_exchange", "money"}
    known = {"batches", "errors", "audit_exchange"} | declared
    assert {name.split(".")[1] for name in ours} <= known


def test_adapters_know_of_the_engine_its_batches_and_its_money_alone():
    ours = {name for one in source_files("adapters") for name in imports_of(one)}
    known = {name.split(".")[1] for name in ours if name.startswith("engine.")}
    assert known <= {"schemas", "batches", "money"}


def test_no_match_returns_before_the_audit():
    (matcher,) = source_files("engine/matcher.py")
    (match,) = (
        node
        for node in matcher.tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "match_traceably"
    )
    *_, before_last, last = match.body
    assert isinstance(last, ast.Return)
    assert ast.unparse(before_last).startswith("audit(")
    assert sum(isinstance(node, ast.Return) for node in ast.walk(match)) == 1


@pytest.mark.parametrize("name", schemas.__all__)
def test_money_is_int64_minor_units_in_every_schema(name):
    schema = getattr(schemas, name)
    for field in schema:
        if field.name.endswith(MONEY_SUFFIX):
            assert str(field.type) == "int64", field.name
        assert "amount" not in field.name or field.name.endswith(MONEY_SUFFIX), field.name


def test_protobuf_messages_stay_at_the_border():
    for source in source_files(*PRODUCT):
        speaks = {name for name in imports_of(source) if name.startswith(("tieout.v1", "google"))}
        assert not speaks or source.name.startswith(SPEAK_PROTOBUF), (source.name, speaks)


def test_only_one_place_turns_reasons_into_grpc_codes():
    for source in source_files("rpc", "store", "engine", "parsers", "adapters"):
        named = [
            ast.unparse(node)
            for node in source.nodes
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "grpc.StatusCode"
            if node.attr not in NO_REASON
        ]
        assert not named or source.name == "rpc/status.py", (source.name, named)


def test_only_one_place_turns_errors_into_exit_codes():
    for source in source_files("engine", "parsers", "adapters", "store", "tieout"):
        ends = [
            node
            for node in source.nodes
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("exit", "os._exit")
        ]
        assert not ends, source.name
        if source.name != "tieout/commands/__init__.py":
            assert "sys.exit(" not in source.text, source.name


def test_no_error_is_swallowed():
    for source in source_files(*PRODUCT):
        for node in source.nodes:
            if isinstance(node, ast.ExceptHandler):
                silent = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
                place = f"{source.name}:{node.lineno}"
                assert node.type is not None, f"{place} catches everything"
                assert not silent, f"{place} says nothing"


def test_the_documented_guards_exist():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text.split("| there is no … |", 1)[1].split("\n\n", 1)[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert all("`" in row[-1] or "contract" in row[-1] for row in rows[1:])
