"""Signatures against the specification's own library."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from rpc.webhooks.signatures import new_secret, secret_of, secret_text, signatures

KNOWN = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_the_known_example():
    body = b'{"test": 2432232314}'
    made = signatures([KNOWN], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(
    secrets=st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=3),
    identity=st.from_regex(r"wh_[0-9a-f]{16}_[0-9]{1,9}", fullmatch=True),
    body=st.text(max_size=200),
)
def test_every_secret_that_is_valid_verifies(secrets, identity, body):
    now = datetime.datetime.now(datetime.UTC)
    content = ('{"a": "' + "".join(one for one in body if one not in '"\\') + '"}').encode(
        "utf-8", "ignore"
    )
    moment = int(now.timestamp())
    made = signatures(secrets, identity, moment, content)
    assert len(made.split()) == len(secrets)
    for secret, one in zip(secrets, made.split(), strict=True):
        peer = Webhook(secret_text(secret))
        assert peer.sign(identity, now, content.decode()) == one


@given(st.binary(min_size=24, max_size=64))
def test_a_secret_is_read_as_it_is_written(secret):
    assert secret_of(secret_text(secret)) == secret
    assert secret_of(f"  {secret_text(secret).removeprefix('whsec_')}\n") == secret


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_c2hvcnQ=", "not base64", secret_text(bytes(65))]
)
def test_what_is_too_short_too_long_or_no_base64_is_no_secret(text):
    assert secret_of(text) is None


def test_made_secrets_are_long_and_differ():
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(one) for one in made} == {32}
