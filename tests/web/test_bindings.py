"""The table of the JSON door against the contract, and paths against the table."""

import pytest

from rpc.permissions import PUBLIC_RPCS, RPC_PERMISSIONS
from web.json_door.bindings import BINDINGS, Upload
from web.json_door.contract import rpcs
from web.json_door.parameters import fields_of_query
from web.json_door.paths import PathTable, fields_of_path
from web.json_door.problems import DoorError

TABLE = PathTable(BINDINGS)


def test_every_call_of_the_contract_has_one_place():
    names = [binding.rpc for binding in BINDINGS]
    assert sorted(names) == sorted(rpcs()), "a new RPC needs its line in web/json_door/bindings.py"
    assert {f"tieout.v1.{name}" for name in names} <= RPC_PERMISSIONS.keys() | PUBLIC_RPCS


@pytest.mark.parametrize("binding", BINDINGS, ids=lambda binding: binding.rpc)
def test_a_place_fits_its_call(binding):
    rpc = rpcs()[binding.rpc]
    assert binding.path.startswith("/v1/")
    assert binding.verb in ("GET", "POST")
    assert (binding.upload is not None) == rpc.streams_requests
    fields = fields_of_path(binding.path)
    header = rpc.request.DESCRIPTOR
    if binding.upload is not None:
        header = header.fields_by_name["header"].message_type
    for name in fields:
        field = header.fields_by_name[name]
        assert field.message_type is None
        assert not field.is_repeated
    if binding.upload is not None:
        assert rpc.request.DESCRIPTOR.fields_by_name["header"].message_type
    if binding.upload is Upload.FILE:
        assert "chunk" in rpc.request.DESCRIPTOR.fields_by_name
    path = binding.path
    for name in fields:
        path = path.replace(f"{{{name}}}", f"a%2Fb%3Ac {name}".replace(" ", "%20"))
    found = TABLE.find(path)
    assert found.by_method[binding.verb] is binding
    assert found.fields == {name: f"a/b:c {name}" for name in fields}
    writes = any(
        word in binding.rpc for word in ("List", "Get", "Count", "Find", "Preview", "ExplainItem")
    )
    assert (binding.verb == "GET") == (writes or binding.rpc.endswith("StreamEvents"))


@pytest.mark.parametrize(
    ("path", "rpc", "fields"),
    [
        ("/v1/cases/A:B", "ExceptionService/GetCase", {"exception_id": "A:B"}),
        ("/v1/cases/A:B:claim", "ExceptionService/ClaimException", {"exception_id": "A:B"}),
        ("/v1/cases:count", "ExceptionService/CountCases", {}),
        ("/v1/customers/%C3%A9", "CustomerService/GetCustomer", {"customer_id": "é"}),
    ],
)
def test_an_id_may_hold_what_it_wants(path, rpc, fields):
    found = TABLE.find(path)
    assert {binding.rpc for binding in found.by_method.values()} == {rpc}
    assert found.fields == fields


@pytest.mark.parametrize(
    "path",
    [
        "/v1/cases/",
        "/v1/cases/a/b",
        "/v1/case/a",
        "/v1/customers/%ff",
        "/v1/:claim",
        "",
        "//v1",
        "/v1/customers/" + "a" * 2_001,
    ],
)
def test_no_other_path_is_a_call(path):
    assert TABLE.find(path) is None


CASES = rpcs()["ExceptionService/ListCases"].request.DESCRIPTOR


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {}),
        ("pageSize=5&page_token=a%20b", {"pageSize": "5", "pageToken": "a b"}),
        ("filter.states=CASE_STATE_NEW&filter.states=3", {"filter": {"states": [..., 3]}}),
        ('filter={"codes":["AMT-SHORT"]}', {"filter": {"codes": ["AMT-SHORT"]}}),
        ("filter.dueBefore=2026-01-01T00:00:00Z", {"filter": {"dueBefore": ...}}),
    ],
)
def test_parameters_are_fields(query, fields):
    found = fields_of_query(CASES, query)
    assert str(found).count(":") >= len(fields)
    texts = {"CASE_STATE_NEW", "2026-01-01T00:00:00Z"}

    def same(one, other):
        if other is ...:
            return one in texts
        if isinstance(other, dict):
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in other)
        if isinstance(other, list):
            return len(one) == len(other) and all(map(same, one, other))
        return one == other

    assert same(found, fields)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("nope=1", "'nope' is no parameter here; ListCasesRequest has filter"),
        ("filter.nope=1", r"'filter.nope' is no parameter here; CaseFilter has states"),
        ("pageSize.x=1", "is no parameter"),
        ("pageSize=1&page_size=2", "comes twice"),
        ("filter=5%", "no JSON"),
        ("orderBy=%ff", "the query is none"),
        ("&".join(["pageSize=1"] * 1_001), "the query is none"),
    ],
)
def test_what_is_no_parameter_is_refused(query, told):
    with pytest.raises(DoorError, match=told):
        fields_of_query(CASES, query)
