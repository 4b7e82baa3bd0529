"""The contract: comments on every element, shapes equal to the engine, stubs regenerated."""

import shutil
import subprocess
import typing
from pathlib import Path

import msgspec
import pytest
from google.protobuf import descriptor_pb2

from engine import policy as rules
from rpc.conversions import ANSWER_TABLES, REQUEST_TABLES, column_of
from rpc.import_tables import CUSTOMERS, OPEN_ITEMS
from tests.server.contract_shape import current_files
from tieout.v1 import (
    policy_pb2,
)

ROOT = Path(__file__).resolve().parents[2]
PROTOS = sorted(path.relative_to(ROOT / "proto") for path in ROOT.glob("proto/tieout/v1/*.proto"))
CODEGEN = ROOT / ".cache" / "codegen" / "bin"
SERVER_FIELDS = {"ExceptionItem": {"file_id", "customer_id"}}


def protoc(*arguments):
    python = CODEGEN / "python"
    assert python.exists(), f"{python} is missing: run `make proto` once"
    subprocess.run(
        [python, "-m", "grpc_tools.protoc", "-I", "proto", *arguments, *PROTOS],
        check=True,
        cwd=ROOT,
        env={"PATH": f"{CODEGEN}:/usr/bin:/bin"},
        capture_output=True,
    )


@pytest.fixture(scope="module")
def descriptors(tmp_path_factory):
    path = tmp_path_factory.mktemp("descriptors") / "set.bin"
    protoc("--include_source_info", f"--descriptor_set_out={path}")
    return descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file


def paths_of(file):
    """Each element that needs a comment: its path in the descriptor, and its name."""
    yield (12,), file.name
    for at, message in enumerate(file.message_type):
        yield (4, at), message.name
        for field_at, field in enumerate(message.field):
            yield (4, at, 2, field_at), f"{message.name}.{field.name}"
        for oneof_at, oneof in enumerate(message.oneof_decl):
            if not oneof.name.startswith("_"):
                yield (4, at, 8, oneof_at), f"{message.name}.{oneof.name}"
    for at, enum in enumerate(file.enum_type):
        yield (5, at), enum.name
        for value_at, value in enumerate(enum.value):
            yield (5, at, 2, value_at), value.name
    for at, service in enumerate(file.service):
        yield (6, at), service.name
        for method_at, method in enumerate(service.method):
            yield (6, at, 2, method_at), f"{service.name}.{method.name}"


def test_every_element_of_the_contract_is_commented(descriptors):
    bare = []
    for file in descriptors:
        comments = {
            tuple(place.path): place.leading_comments for place in file.source_code_info.location
        }
        bare += [name for path, name in paths_of(file) if not comments.get(path, "").strip()]
    assert bare == []


def test_every_call_has_a_request_and_a_response_of_its_own(descriptors):
    for file in descriptors:
        for service in file.service:
            for method in service.method:
                assert method.input_type == f".tieout.v1.{method.name}Request"
                assert method.output_type == f".tieout.v1.{method.name}Response"


@pytest.mark.parametrize("kind", [OPEN_ITEMS, CUSTOMERS], ids=lambda kind: kind.table)
def test_a_key_of_a_removed_row_has_the_columns_of_its_schema(kind):
    fields = [column_of(field) for field in kind.keys.row_fields]
    assert fields == kind.keys.batch_class.SCHEMA.names
    assert set(kind.keys.batch_class.KEY) == set(kind.rows.batch_class.KEY)
    parts = set(kind.request_class.DESCRIPTOR.fields_by_name)
    assert parts == {"header", kind.rows.field, kind.keys.field}


def test_every_enum_starts_with_unspecified(descriptors):
    first = [enum.value[0] for file in descriptors for enum in file.enum_type]
    assert all(value.number == 0 and value.name.endswith("_UNSPECIFIED") for value in first)


def test_the_committed_stubs_are_those_of_the_contract(tmp_path):
    protoc(*(f"--{kind}_out={tmp_path}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")))
    made = {
        path.name: path.read_bytes() for path in (tmp_path / "tieout" / "v1").glob("*_pb2*.py*")
    }
    kept = {path.name: path.read_bytes() for path in (ROOT / "tieout" / "v1").glob("*_pb2*.py*")}
    assert made.keys() == kept.keys()
    assert [name for name in made if made[name] != kept[name]] == []


@pytest.mark.parametrize("kind", [*REQUEST_TABLES, *ANSWER_TABLES], ids=lambda kind: kind.field)
def test_a_row_message_has_the_columns_of_its_schema(kind):
    assert [column_of(field) for field in kind.row_fields] == kind.batch_class.SCHEMA.names
    own = SERVER_FIELDS.get(kind.row_class.DESCRIPTOR.name, set())
    assert {f.name for f in kind.row_class.DESCRIPTOR.fields} - {
        f.name for f in kind.row_fields
    } == own


@pytest.mark.parametrize(
    "name",
    [
        "Limit",
        "Automation",
        "Tolerance",
        "BankCharges",
        "Discount",
        "Rates",
        "Rounding",
        "ThirdParty",
        "Processor",
        "CompanyPair",
        "Intercompany",
        "ShortPay",
        "Overpayment",
        "Strategies",
        "Learning",
        "Policy",
    ],
)
def test_the_contract_knows_every_rule_of_the_policy(name):
    fields = getattr(policy_pb2, name).DESCRIPTOR.fields_by_name
    assert set(fields) == set(getattr(rules, name).__struct_fields__)
    for rule in msgspec.structs.fields(getattr(rules, name)):
        if typing.get_origin(rule.type) is typing.Literal:
            enum = fields[rule.name].enum_type
            prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
            words = {value.name.removeprefix(prefix).lower() for value in enum.values[1:]}
            assert words == set(typing.get_args(rule.type))


READING = ("Count", "Explain", "Find", "Get", "List", "Match", "Preview", "Read", "Stream", "Wait")
READING += ("Watch",)
"""How the names of calls begin that change nothing, whatever they read."""

REPEATABLE = {
    "AppendUpload": "the offset says which bytes they are",
    "CancelRun": "a run is ended once",
    "ChangePassword": "sets a password, and wants the one before",
    "RevokeSession": "a session is ended once",
    "SignIn": "a session more is no harm, and no answer with a token is kept",
    "SignOut": "a session is ended once",
}
"""Mutations that have no `request_id`: done again they leave what they left, and why."""

SHORT_LISTS = {
    "ListDueRules": "a few dozen",
    "ListNoteTemplates": "a few dozen",
    "ListSessions": "of one person",
    "ListViews": "of one person and his team",
}
"""Lists without pages, and why they are short."""


def calls():
    """Method, request and response of each call of the contract."""
    files = current_files()
    messages = {f".{file.package}.{one.name}": one for file in files for one in file.message_type}
    for file in files:
        for service in file.service:
            for method in service.method:
                yield method.name, messages[method.input_type], messages[method.output_type]


def names_in(message):
    """Names of the fields of a message, and of those of its header."""
    headers = {
        f".tieout.v1.{field.type_name.rpartition('.')[2]}"
        for field in message.field
        if field.name == "header"
    }
    inner = {
        field.name
        for file in current_files()
        for one in file.message_type
        if f".{file.package}.{one.name}" in headers
        for field in one.field
    }
    return {field.name for field in message.field} | inner


def test_every_mutation_takes_a_request_id_or_may_be_repeated_as_it_is():
    without = {
        name
        for name, request, _ in calls()
        if not name.startswith(READING) and "request_id" not in names_in(request)
    }
    assert without == REPEATABLE.keys()


def test_every_list_is_paged_or_short():
    lists = {name: found for name, *found in calls() if name.startswith("List")}
    assert len(lists) > 10
    unpaged = {
        name
        for name, (request, response) in lists.items()
        if not {"page_size", "page_token"} <= names_in(request)
        or "next_page_token" not in names_in(response)
    }
    assert unpaged == SHORT_LISTS.keys()


def lint(folder):
    """What buf has to say about the contract in `folder`."""
    done = subprocess.run(
        [CODEGEN / "buf", "lint", folder], check=False, capture_output=True, text=True
    )
    assert (done.returncode == 0) is (done.stdout == ""), done.stderr
    return done.stdout


def test_buf_finds_nothing_wrong_with_the_contract():
    assert lint(ROOT / "proto") == ""


def test_buf_would_find_what_has_no_comment_and_what_is_named_otherwise(tmp_path):
    copy = tmp_path / "proto"
    shutil.copytree(ROOT / "proto", copy)
    path = copy / "tieout" / "v1" / "view_service.proto"
    path.write_text(path.read_text() + "message notNamedSo {}\n")
    told = lint(copy)
    assert "should be PascalCase" in told
    assert "should have a non-empty comment" in told
