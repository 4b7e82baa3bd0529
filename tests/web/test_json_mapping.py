"""Messages as JSON and back: protobuf's own mapping is the oracle, and nothing slips through."""

import json

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.any_message import messages
from tieout.v1 import (
    bank_file_service_pb2,
    exception_service_pb2,
    match_service_pb2,
    policy_pb2,
    rows_pb2,
)
from web.json_door.contract import rpcs
from web.json_door.problems import DoorError, Refusal
from web.json_door.reading import message_of, parsed
from web.json_door.writing import json_of

KINDS = sorted(
    {kind for rpc in rpcs().values() for kind in (rpc.request, rpc.response)},
    key=lambda kind: kind.DESCRIPTOR.full_name,
)


@settings(max_examples=150)
@given(st.data())
def test_any_message_is_written_and_read_as_protobuf_does(data):
    kind = data.draw(st.sampled_from(KINDS))
    message = data.draw(messages(kind.DESCRIPTOR))
    text = json_of(message)
    assert json.loads(text) == json_format.MessageToDict(message)
    assert message_of(kind, parsed(text)) == message
    plain = json_format.MessageToDict(message, preserving_proto_field_name=True)
    assert message_of(kind, plain) == message
    assert json_of(message_of(kind, parsed(text))) == text


def test_every_kind_of_message_can_be_read_and_written():
    for kind in KINDS:
        assert message_of(kind, {}) == kind()
        assert json_of(kind()) == b"{}"


PAYMENT = rows_pb2.Payment
RESULT = bank_file_service_pb2.GetBankFileResultRequest
BYTES = exception_service_pb2.GetPaymentBytesResponse


@pytest.mark.parametrize(
    ("kind", "value", "field", "expected"),
    [
        (PAYMENT, {"amountMinor": "129990"}, "amount_minor", 129_990),
        (PAYMENT, {"amount_minor": -5}, "amount_minor", -5),
        (PAYMENT, {"amountMinor": 1e3}, "amount_minor", 1_000),
        (PAYMENT, {"amountMinor": None}, "amount_minor", 0),
        (PAYMENT, {"payerName": "Zoë 🦉"}, "payer_name", "Zoë 🦉"),
        (RESULT, {"rowEncoding": "ROW_ENCODING_ARROW"}, "row_encoding", 2),
        (RESULT, {"rowEncoding": 1}, "row_encoding", 1),
        (BYTES, {"record": "-_8="}, "record", b"\xfb\xff"),
        (BYTES, {"record": "+/8"}, "record", b"\xfb\xff"),
        (rows_pb2.PaymentOutcome, {"identificationConfidence": "0.5"}, None, 0.5),
    ],
)
def test_what_the_mapping_allows_is_taken(kind, value, field, expected):
    found = message_of(kind, value)
    assert getattr(found, field or "identification_confidence") == expected
    assert found == json_format.ParseDict(value, kind())


MATCH = match_service_pb2.MatchPaymentsRequest


def payment(**fields):
    return {"payments": {"rowCount": 1, "messages": {"payments": [{}, fields]}}}


AT = "payments.messages.payments[1]"


@pytest.mark.parametrize(
    ("kind", "value", "place", "told"),
    [
        (MATCH, payment(amountMinor="1e9"), f"{AT}.amountMinor", "expected an integer"),
        (MATCH, payment(amountMinor="12.00"), f"{AT}.amountMinor", "expected an integer"),
        (MATCH, payment(amountMinor=12.5), f"{AT}.amountMinor", "expected an integer, got 12.5"),
        (MATCH, payment(amountMinor=1e300), f"{AT}.amountMinor", "expected an integer"),
        (MATCH, payment(amountMinor=True), f"{AT}.amountMinor", "expected an integer, got true"),
        (MATCH, payment(amountMinor=""), f"{AT}.amountMinor", "expected an integer"),
        (MATCH, payment(amountMinor="٣"), f"{AT}.amountMinor", "expected an integer"),
        (MATCH, payment(amountMinor=2**63), f"{AT}.amountMinor", "does not fit into 64 bits"),
        (MATCH, payment(amountMinor="-9223372036854775809"), f"{AT}.amountMinor", "64 bits"),
        (MATCH, payment(payerName=5), f"{AT}.payerName", "expected text, got 5"),
        (MATCH, payment(payerName="\ud800"), f"{AT}.payerName", "surrogate"),
        (MATCH, payment(intakeCodes="IN-DATE"), f"{AT}.intakeCodes", "expected a list"),
        (MATCH, payment(intakeCodes=["a", 1]), f"{AT}.intakeCodes[1]", "expected text"),
        (MATCH, {"payments": []}, "payments", "expected an object, a PaymentTable, got a list"),
        (MATCH, {"validateOnly": "yes"}, "validateOnly", "true or false"),
        (MATCH, {"validateOnly": 1}, "validateOnly", "true or false"),
        (MATCH, {"rowEncoding": "ARROW"}, "rowEncoding", "ROW_ENCODING_MESSAGES, ROW_ENC"),
        (MATCH, {"rowEncoding": 99}, "rowEncoding", "expected one of"),
        (MATCH, {"rowEncoding": True}, "rowEncoding", "expected one of"),
        (MATCH, {"asOf": "a", "as_of": "b"}, "", "comes twice, under both of its names"),
        (
            MATCH,
            {"payments": {"messages": {}, "arrow": {}}},
            "payments",
            "at most one of arrow, messages",
        ),
        (BYTES, {"record": "a"}, "record", "base64"),
        (BYTES, {"record": "%%%%"}, "record", "base64"),
        (exception_service_pb2.ParkExceptionRequest, {"untilTime": "now"}, "untilTime", "a time"),
        (policy_pb2.PolicyBook, {"companies": {"K": 1}}, 'companies["K"]', "expected an object"),
        (MATCH, [], "", "expected an object, a MatchPaymentsRequest, got a list"),
        (MATCH, None, "", "expected an object"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(kind, value, place, told):
    with pytest.raises(DoorError) as caught:
        message_of(kind, value)
    assert caught.value.refusal is Refusal.FIELD_INVALID
    assert caught.value.metadata.get("field", "") == place
    assert told in str(caught.value)
    assert str(caught.value).startswith(place or "the body")


def test_a_field_that_there_is_not_is_refused_with_its_place():
    with pytest.raises(DoorError) as caught:
        message_of(MATCH, payment(ammountMinor=5))
    assert caught.value.refusal is Refusal.UNKNOWN_FIELD
    assert caught.value.metadata == {"field": f"{AT}.ammountMinor"}
    assert "Payment has paymentId, fileId" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"a": 1, "b": 2, "a": 1}', "'a' comes twice"),
        (b'{"x": [{"y": 1, "y": 2}]}', "'y' comes twice"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b'{"a": -Infinity}', "-Infinity is no JSON"),
        (b'{"a": "\xff"}', "byte 7 of the body is no UTF-8"),
        (b"[" * 200_000, "nested deeper"),
        (b'{"a":' * 100_000, "nested deeper"),
        (b"{", "no JSON"),
        (b"{} {}", "no JSON"),
        (b"{'a': 1}", "no JSON"),
        (b'{"a": 01}', "no JSON"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "no JSON"),
        (b"\xef\xbb\xbf{}", "no JSON"),
        (b'"\x00"', "no JSON"),
    ],
)
def test_a_body_that_is_no_json_is_refused(body, told):
    with pytest.raises(DoorError, match=told) as caught:
        parsed(body)
    assert caught.value.refusal is Refusal.MESSAGE_MALFORMED


@settings(max_examples=300)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["payments", "messages", "rowCount", "policy", "x", "companies"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
def test_any_value_is_taken_or_refused_as_protobuf_would(value):
    try:
        found = message_of(MATCH, value)
    except DoorError:
        return
    assert found == json_format.ParseDict(value, MATCH())
