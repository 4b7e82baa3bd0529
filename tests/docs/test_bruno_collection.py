"""The collection for Bruno: every request of it is one that a real server understands."""

from __future__ import annotations

import http.client
import json
import re
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from docs.bruno_collection import bruno_collection
from tests.server.running_server import RunningServer

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "bruno"
MISUNDERSTOOD = {
    "AMBIGUOUS_FIELD",
    "CONTENT_TYPE_UNKNOWN",
    "FIELD_INVALID",
    "MESSAGE_MALFORMED",
    "METHOD_NOT_ALLOWED",
    "PATH_UNKNOWN",
    "UNKNOWN_FIELD",
}
"""Reasons that say that a request is none; that a thing is not there is an answer."""


def read_request(text):
    """Blocks of a request's file: name → lines within. Knows the format, not who wrote it."""
    found, name = {}, None
    for line in text.splitlines():
        opened = re.fullmatch(r"(\S+) \{", line)
        if name is None and opened:
            name, found[opened[1]] = opened[1], []
        elif line == "}":
            name = None
        elif name is not None:
            found[name].append(line.removeprefix("  "))
    return found


def pairs(lines):
    """Key → value of the lines that are switched on."""
    split = (line.partition(":") for line in lines if not line.startswith("~"))
    return {key: value.strip() for key, _, value in split}


def send(path, variables):
    """The status and body of the request in the file `path`; of an endless answer the status."""
    text = re.sub(r"\{\{(\w+)\}\}", lambda one: variables[one[1]], path.read_text("utf-8"))
    blocks = read_request(text)
    verb = next(name for name in ("get", "post") if name in blocks)
    line = pairs(blocks[verb])
    address = urlsplit(line["url"])
    headers = {name: value for name, value in pairs(blocks["headers"]).items() if value}
    query, body = urlencode(pairs(blocks.get("params:query", ()))), b""
    if line["body"] == "json":
        body = "\n".join(blocks["body:json"]).encode()
        headers["content-type"] = "application/json"
    elif line["body"] == "file":
        name, kind = re.findall(r"@\w+\((.*?)\)", pairs(blocks["body:file"])["file"])
        body = (FOLDER / name).read_bytes()
        headers["content-type"] = kind
    connection = http.client.HTTPConnection(address.netloc, timeout=60)
    try:
        connection.request(verb.upper(), f"{address.path}?{query}", body, headers)
        answer = connection.getresponse()
        if path.stem == "StreamEvents":
            return answer.status, b"{}"
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.xdist_group("web")
def test_a_server_understands_every_request(tmp_path):
    variables = pairs(read_request((FOLDER / "environments/local.bru").read_text())["vars"])
    requests = sorted(FOLDER.glob("*/*.bru"))
    requests = [path for path in requests if path.parent.name != "environments"]
    assert len(requests) > 80
    done, misunderstood = 0, []
    with RunningServer(tmp_path, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        variables["url"] = server.url
        status, told = send(FOLDER / "BankFileService/SubmitBankFile.bru", variables)
        assert status == 200, told
        variables["file_id"] = json.loads(told)["bankFile"]["fileId"]
        status, told = send(FOLDER / "ExceptionService/ListCases.bru", variables)
        variables["exception_id"] = json.loads(told)["cases"][0]["caseId"]
        for path in requests:
            status, told = send(path, variables)
            reason = json.loads(told)["reason"] if status >= 400 else ""
            if status >= 500 or reason in MISUNDERSTOOD:
                misunderstood.append(f"{path.stem}: {status} {told.decode()}")
            done += status < 400
        assert '"level":"error"' not in server.log.read_text()
    assert not misunderstood, "\n".join(misunderstood)
    assert done > 45


def test_there_is_no_request_of_a_call_that_is_gone():
    kept = {str(path.relative_to(ROOT)) for path in FOLDER.rglob("*") if path.is_file()}
    assert kept == set(bruno_collection())
