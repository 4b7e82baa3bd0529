"""Structs are worked out by msgspec before there are threads: every one that is decoded."""

import ast
import importlib
import inspect
from pathlib import Path
from typing import get_args

import msgspec

import server
from desk.acts import Act
from desk.outcomes import Event
from rpc.known_types import learn_types

ROOT = Path(__file__).resolve().parents[2]


def _decodes(called):
    return called.startswith("msgspec.") or called == "opened_json"


def decoded_types():
    """Structs that modules of the server and the store say they decode."""
    for path in (*ROOT.glob("rpc/*.py"), *ROOT.glob("store/*.py")):
        module = importlib.import_module(f"{path.parent.name}.{path.stem}")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not _decodes(ast.unparse(node.func)):
                continue
            given = [*node.args, *(one.value for one in node.keywords)]
            for part in (inner for one in given for inner in ast.walk(one)):
                kind = getattr(module, part.id, None) if isinstance(part, ast.Name) else None
                members = getattr(kind, "__args__", (kind,))
                yield from (
                    one
                    for one in members
                    if inspect.isclass(one) and issubclass(one, msgspec.Struct)
                )


def test_every_struct_that_is_decoded_is_known():
    decoded = set(decoded_types())
    names = {one.__name__ for one in decoded}
    assert {"Case", "Undo", "AuditLeaf", "WorkOrder", "_KeysFile"} <= names
    # Acts and their events are decoded by a table of their columns.
    decoded |= {Event, *get_args(Act)}
    assert decoded - learn_types() == set()


def test_the_server_learns_before_it_serves():
    source = inspect.getsource(server.run)
    assert source.index("learn_types()") < source.index("asyncio.run(")
