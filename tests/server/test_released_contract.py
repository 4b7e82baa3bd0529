"""No promise of the released contract is broken; every way to break one is noticed."""

import re
import shutil
import subprocess

import pytest
from google.protobuf import descriptor_pb2, text_format

from tests.server.contract_shape import (
    BUF,
    RELEASED,
    RELEASED_IMAGE,
    ROOT,
    broken,
    current_files,
    promises,
)

HOW = (
    "promises that are not kept; a deliberate change: see 'Change the contract' in CONTRIBUTING.md"
)

SAMPLE = """
name: "tieout/v1/sample.proto"
package: "tieout.v1"
message_type {
  name: "Row"
  field { name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL json_name: "id" }
  field { name: "sum" number: 2 type: TYPE_INT64 label: LABEL_OPTIONAL json_name: "sum" }
  field { name: "parts" number: 3 type: TYPE_MESSAGE type_name: ".tieout.v1.Row.Part"
          label: LABEL_REPEATED json_name: "parts" }
  field { name: "one" number: 4 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
  field { name: "other" number: 5 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
  field { name: "note" number: 6 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 1
          proto3_optional: true }
  nested_type {
    name: "Part"
    field { name: "kind" number: 1 type: TYPE_ENUM type_name: ".tieout.v1.Kind"
            label: LABEL_OPTIONAL }
  }
  oneof_decl { name: "choice" }
  oneof_decl { name: "_note" }
  reserved_range { start: 9 end: 10 }
  reserved_name: "gone"
}
enum_type {
  name: "Kind"
  value { name: "KIND_UNSPECIFIED" number: 0 }
  value { name: "KIND_CASH" number: 1 }
}
service {
  name: "SampleService"
  method { name: "Ask" input_type: ".tieout.v1.Row" output_type: ".tieout.v1.Row" }
  method { name: "Tell" input_type: ".tieout.v1.Row" output_type: ".tieout.v1.Row"
           client_streaming: true }
}
"""


def sample():
    return text_format.Parse(SAMPLE, descriptor_pb2.FileDescriptorProto())


def remove(container, at):
    def change(file):
        del container(file)[at]

    return change


def assign(element, name, value):
    def change(file):
        setattr(element(file), name, value)

    return change


def leave_the_oneof(file):
    file.message_type[0].field[3].ClearField("oneof_index")


def join_the_oneof(file):
    file.message_type[0].field[0].oneof_index = 0


def lose_presence(file):
    file.message_type[0].field[5].ClearField("oneof_index")
    file.message_type[0].field[5].ClearField("proto3_optional")


def row(file):
    return file.message_type[0]


def field(at):
    return lambda file: file.message_type[0].field[at]


def method(at):
    return lambda file: file.service[0].method[at]


FIELD = descriptor_pb2.FieldDescriptorProto
BREAKING = {
    "a field removed": remove(lambda file: row(file).field, 1),
    "a field renumbered": assign(field(1), "number", 8),
    "a field renamed": assign(field(1), "name", "total"),
    "a field renamed in JSON": assign(field(1), "json_name", "total"),
    "a type changed": assign(field(1), "type", FIELD.TYPE_STRING),
    "a type changed that reads the same bytes": assign(field(1), "type", FIELD.TYPE_UINT64),
    "a message type changed": assign(field(2), "type_name", ".tieout.v1.Row"),
    "a repeated field made single": assign(field(2), "label", FIELD.LABEL_OPTIONAL),
    "a single field made repeated": assign(field(0), "label", FIELD.LABEL_REPEATED),
    "a field out of its oneof": leave_the_oneof,
    "a field into a oneof": join_the_oneof,
    "a field in another oneof": assign(field(3), "oneof_index", 1),
    "presence lost": lose_presence,
    "a field of an inner message removed": remove(lambda f: row(f).nested_type[0].field, 0),
    "an inner message removed": remove(lambda file: row(file).nested_type, 0),
    "a message removed": remove(lambda file: file.message_type, 0),
    "a message renamed": assign(row, "name", "Line"),
    "a reserved number free": remove(lambda file: row(file).reserved_range, 0),
    "a reserved name free": remove(lambda file: row(file).reserved_name, 0),
    "an enum removed": remove(lambda file: file.enum_type, 0),
    "an enum value removed": remove(lambda file: file.enum_type[0].value, 1),
    "an enum value renumbered": assign(lambda file: file.enum_type[0].value[1], "number", 2),
    "an enum value renamed": assign(lambda file: file.enum_type[0].value[1], "name", "KIND_X"),
    "an RPC removed": remove(lambda file: file.service[0].method, 0),
    "an RPC renamed": assign(method(0), "name", "Query"),
    "a request of another type": assign(method(0), "input_type", ".tieout.v1.Row.Part"),
    "a response of another type": assign(method(0), "output_type", ".tieout.v1.Row.Part"),
    "a call that streams its answers": assign(method(0), "server_streaming", value=True),
    "a call that streams no more": assign(method(1), "client_streaming", value=False),
    "a service removed": remove(lambda file: file.service, 0),
    "a service renamed": assign(lambda file: file.service[0], "name", "OtherService"),
    "a package renamed": assign(lambda file: file, "package", "tieout.v2"),
    "a message in another file": assign(lambda file: file, "name", "tieout/v1/other.proto"),
}


def test_the_contract_keeps_what_was_released():
    released = RELEASED.read_text().splitlines()
    assert len(released) > 100
    assert broken(released, current_files()) == [], HOW


@pytest.mark.parametrize("change", BREAKING.values(), ids=BREAKING.keys())
def test_what_breaks_a_caller_is_refused(change):
    released = promises([sample()])
    changed = sample()
    change(changed)
    assert broken(released, [sample()]) == []
    assert broken(released, [changed]) != []


def test_what_is_added_breaks_nobody():
    released = promises([sample()])
    changed = sample()
    changed.message_type[0].field.add(name="more", number=7, type=FIELD.TYPE_STRING, label=1)
    changed.message_type[0].field.add(
        name="third", number=8, type=FIELD.TYPE_STRING, label=1, oneof_index=0
    )
    changed.message_type[0].field[1].options.deprecated = True
    changed.message_type.add(name="Other")
    changed.enum_type[0].value.add(name="KIND_CHECK", number=2)
    changed.service[0].method.add(name="More", input_type="A", output_type="B")
    changed.service.add(name="OtherService")
    assert broken(released, [changed]) == []
    assert len(promises([changed])) == len(released) + 6


@pytest.mark.parametrize("file_at", range(len(current_files())))
def test_a_removed_file_of_the_contract_is_refused(file_at):
    files = current_files()
    del files[file_at]
    assert broken(promises(current_files()), files) != []


def buf_breaking(folder):
    """What buf says that the contract in `folder` breaks of the released one."""
    done = subprocess.run(
        [BUF, "breaking", folder, "--against", RELEASED_IMAGE],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) is (done.stdout == ""), done.stderr
    return done.stdout


def test_buf_finds_nothing_broken_either():
    assert buf_breaking(ROOT / "proto") == ""


def test_what_buf_compares_with_is_what_the_lines_say():
    files = descriptor_pb2.FileDescriptorSet.FromString(RELEASED_IMAGE.read_bytes()).file
    ours = [file for file in files if file.package == "tieout.v1"]
    # The committed stubs, which the lines are of, say nothing of names in JSON.
    lines = [re.sub(" in JSON .*", "", line) for line in promises(ours)]
    assert lines == RELEASED.read_text().splitlines()


EDITS = {
    "a field removed": ("view", "  string query = 5;", "", "deleted"),
    "a field renumbered": ("view", "string query = 5;", "string query = 7;", "deleted"),
    "a field renamed": ("view", "string query = 5;", "string words = 5;", "changed name"),
    "a field renamed in JSON": (
        "view",
        "string query = 5;",
        'string query = 5 [json_name = "words"];',
        "json_name",
    ),
    "a type changed": ("view", "bool is_team = 3;", "int32 is_team = 3;", "changed type"),
    "a field made repeated": ("view", "string query = 5;", "repeated string query = 5;", "card"),
    "presence lost": ("webhook", "optional int32 http_status", "int32 http_status", "card"),
    "an RPC removed": ("run", "  rpc GetRun(GetRunRequest) returns (GetRunResponse);", "", "RPC"),
    "a call that streams no more": (
        "run",
        "(stream WatchRunResponse)",
        "(WatchRunResponse)",
        "str",
    ),
    "an enum value renumbered": (
        "webhook",
        "STATE_DISABLED = 2",
        "STATE_DISABLED = 5",
        "enum value",
    ),
    "a message renamed": ("view", "message View {", "message SavedView {", "deleted"),
    "a package renamed": ("view", "package tieout.v1;", "package tieout.v2;", "package"),
}


@pytest.mark.parametrize(("part", "before", "after", "said"), EDITS.values(), ids=EDITS.keys())
def test_buf_finds_what_breaks_a_caller(tmp_path, part, before, after, said):
    copy = tmp_path / "proto"
    shutil.copytree(ROOT / "proto", copy)
    path = copy / "tieout" / "v1" / f"{part}_service.proto"
    text = path.read_text()
    assert before in text
    text = text.replace(before, after, 1)
    if after == "message SavedView {":
        text = re.sub(r"\bView (view|views) =", r"SavedView \1 =", text)
    path.write_text(text)
    assert said in buf_breaking(copy)
