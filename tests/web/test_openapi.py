"""The OpenAPI document: whole, valid, true. A fuzzer holds a real server to it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from openapi_spec_validator import validate

from docs.contract_comments import contract_comments
from docs.openapi import openapi_document
from docs.openapi_examples import EXAMPLES, example_of
from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tests.web.door_requests import FILE, get, post, told
from web.json_door.bindings import BINDINGS
from web.json_door.contract import map_entry, rpcs, services
from web.json_door.problems import HTTP_STATUSES, REFUSAL_STATUSES
from web.json_door.reading import message_of

pytestmark = pytest.mark.xdist_group("web")

DOCUMENT = openapi_document()
ROOT = Path(__file__).resolve().parents[2]


def messages_below(descriptor, found):
    """Every message that stands in `descriptor`, and itself."""
    if descriptor.full_name in found or descriptor.full_name == Timestamp.DESCRIPTOR.full_name:
        return found
    found[descriptor.full_name] = descriptor
    for field in descriptor.fields:
        if field.message_type is not None:
            messages_below(field.message_type, found)
    return found


MESSAGES = {}
for one in rpcs().values():
    messages_below(one.request.DESCRIPTOR, MESSAGES)
    messages_below(one.response.DESCRIPTOR, MESSAGES)
ENTRIES = {name for name, descriptor in MESSAGES.items() if descriptor.GetOptions().map_entry}


def test_every_element_of_the_contract_has_its_comment():
    comments = contract_comments()
    names = set()
    for service in services():
        names |= {service.full_name, *(method.full_name for method in service.methods)}
    for name in MESSAGES.keys() - ENTRIES:
        names.add(name)
        for field in MESSAGES[name].fields:
            names.add(field.full_name)
            kind = field.enum_type
            if kind is not None:
                names |= {kind.full_name, *(f"{kind.full_name}.{one.name}" for one in kind.values)}
    assert names <= comments.keys()
    assert all(comments[name][-1] in ".?`)" for name in names)


def test_the_document_is_valid_and_has_every_call():
    validate(DOCUMENT)
    operations = [one for verbs in DOCUMENT["paths"].values() for one in verbs.values()]
    assert len(operations) == len(BINDINGS)
    assert {one["operationId"] for one in operations} == {
        binding.rpc.partition("/")[2] for binding in BINDINGS
    }
    names = {name.rpartition(".")[2] for name in MESSAGES.keys() - ENTRIES}
    assert names <= DOCUMENT["components"]["schemas"].keys()


def test_every_status_that_the_door_may_answer_with_is_described():
    described = {int(code.removeprefix("Problem")) for code in DOCUMENT["components"]["responses"]}
    answered = {*HTTP_STATUSES.values(), *REFUSAL_STATUSES.values()}
    assert answered - described <= {405, 501}, "of other methods and other releases"


@pytest.mark.parametrize("name", sorted(MESSAGES.keys() - ENTRIES))
def test_an_example_is_a_message(name):
    descriptor = MESSAGES[name]
    made = example_of(descriptor)
    kinds = [kind for rpc in rpcs().values() for kind in (rpc.request, rpc.response)]
    for kind in kinds:
        if kind.DESCRIPTOR.full_name == name:
            message_of(kind, made)
            schema = DOCUMENT["components"]["schemas"][descriptor.name]
            assert made.keys() <= schema["properties"].keys()
            assert all(
                map_entry(descriptor.fields_by_camelcase_name[field]) is None for field in made
            )


def test_no_example_is_of_a_message_that_there_is_not():
    assert EXAMPLES.keys() <= {name.rpartition(".")[2] for name in MESSAGES}


def test_the_document_and_the_page_for_people_are_served(served):
    answer = get(served, "/v1/openapi.json")
    assert json.loads(answer.body) == DOCUMENT
    assert (ROOT / "docs" / "openapi.json").read_bytes() == answer.body
    again = get(served, "/v1/openapi.json", if_none_match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    page = get(served, "/v1/reference")
    assert page.headers["content-type"].startswith("text/html")
    text = page.body.decode()
    assert "<script" not in text
    assert "style=" not in text
    assert "src=" not in text
    assert {address[0] for address in re.findall(r'href="([^"]*)"', text)} == {"/", "#"}
    for binding in BINDINGS:
        assert f'id="{binding.rpc.partition("/")[2]}"' in text
    assert get(served, "/v1/reference.css").headers["content-type"].startswith("text/css")
    assert get(served, "/v1/").headers["location"] == "/v1/reference"


CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)


ARROW_BODIES = """
import schemathesis

@schemathesis.serializer("application/vnd.apache.arrow.stream")
def arrow(context, value):
    return repr(value).encode()
"""
"""What the fuzzer cannot make by itself: something that says it is Arrow, and is none."""


def fuzz(folder, *options):
    """Schemathesis against a server of its own that has a case and a file to be found."""
    settings = (
        f"[store]\nurl = 'sqlite:///{folder}/store.db'\n[tables]\nopen_items = 'open_items.csv'\n"
        "[limits]\ncalls_per_second = 100000\ncalls_burst = 100000\n"
    )
    with RunningServer(folder, settings, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        content = bai2_file((10_000, "INV-20431"), (4_711, "WHO"))
        file_id = told(post(server, "/v1/bank-files", content, FILE))["bankFile"]["fileId"]
        case = told(get(server, "/v1/cases"))["cases"][0]["caseId"]
        (folder / "schemathesis.toml").write_text(
            f'[parameters]\n"path.exception_id" = "{case}"\n"path.file_id" = "{file_id}"\n'
            '"path.open_item_id" = "I-1"\n"query.companyId" = "K"\n'
        )
        (folder / "arrow_bodies.py").write_text(ARROW_BODIES)
        done = subprocess.run(
            [
                *(Path(sys.executable).with_name("schemathesis"), "--config-file"),
                *(folder / "schemathesis.toml", "run", f"{server.url}/v1/openapi.json"),
                *("--exclude-operation-id", "StreamEvents"),  # it never ends
                *("--checks", ",".join(CHECKS), "--request-timeout", "60"),
                *("--generation-deterministic", "--continue-on-failure", *options),
            ],
            cwd=folder,
            env=os.environ
            | {"NO_COLOR": "1", "COLUMNS": "200"}
            | {"SCHEMATHESIS_HOOKS": "arrow_bodies", "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            timeout=3_600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr + server.log.read_text()[-4_000:]
        assert '"level":"error"' not in server.log.read_text()
        assert server.terminate() == 0
    return done.stdout


def test_a_fuzzer_finds_no_answer_that_is_not_described(tmp_path):
    told = fuzz(tmp_path, "--phases", "examples,fuzzing", "--max-examples", "1")
    assert f"Tested: {len(BINDINGS) - 1}" in told


@pytest.mark.long
def test_a_patient_fuzzer_finds_none_either(tmp_path):
    told = fuzz(tmp_path, "--phases", "examples,coverage,fuzzing", "--max-examples", "30")
    assert f"Tested: {len(BINDINGS) - 1}" in told
