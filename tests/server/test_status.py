"""Reasons of errors and the gRPC codes they travel as."""

import importlib
import inspect

import pytest
from google.rpc import error_details_pb2, status_pb2

from desk.refusals import REFUSALS
from rpc.errors import FieldError, JobFailedError
from rpc.status import CODES, code_of, trailers_of

MODULES = ("engine.errors", "parsers.errors", "store.errors", "rpc.errors")


def leaves():
    for name in MODULES:
        module = importlib.import_module(name)
        for _, kind in inspect.getmembers(module, inspect.isclass):
            is_leaf = issubclass(kind, Exception) and not kind.__subclasses__()
            if is_leaf and kind.__module__ == name and kind is not JobFailedError:
                yield kind


@pytest.mark.parametrize("kind", list(leaves()), ids=lambda kind: kind.__name__)
def test_every_error_has_a_code(kind):
    assert kind.reason in CODES


def test_no_code_is_kept_for_a_reason_nobody_gives():
    assert set(CODES) == {kind.reason for kind in leaves()} | {"INTERNAL"} | set(REFUSALS)


def test_an_unknown_reason_is_internal():
    assert code_of("NOBODY_KNOWS").name == "INTERNAL"


def test_a_status_carries_reason_domain_and_metadata():
    trailers = dict(trailers_of(FieldError("as_of is 'x'", field="as_of", value="x")))
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("FIELD_INVALID", "tieout")
    assert dict(info.metadata) == {"field": "as_of", "value": "x"}
    assert status.message == "as_of is 'x'"
    assert trailers["tieout-reason"] == "FIELD_INVALID"


def test_a_status_fits_the_metadata_of_any_client():
    long = FieldError("x" * 100_000, **{f"value_{n}": "y" * 100_000 for n in range(10)})
    size = sum(len(name) + len(value) for name, value in trailers_of(long))
    assert size < 8_192
