"""Whom a webhook may call: nobody within, unless the operator says so."""

import ipaddress

import pytest

from rpc.webhooks.destinations import DestinationError, Guard, parse_destination

PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"]
INNER = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104 - an address to be refused
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:7f00:1:0:0:f5ff:fffe",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address):
    found = ipaddress.ip_address(address)
    assert Guard().check_addresses([found]) == found


@pytest.mark.parametrize("address", INNER)
def test_no_address_within_may_be_called(address):
    with pytest.raises(DestinationError, match="no public address"):
        Guard().check_addresses([ipaddress.ip_address(address)])


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
def test_one_address_within_forbids_the_name(address):
    both = [ipaddress.ip_address(PUBLIC[0]), ipaddress.ip_address(address)]
    with pytest.raises(DestinationError):
        Guard().check_addresses(both)


def test_what_the_operator_allows_may_be_called_and_nothing_beside_it():
    guard = Guard(("10.20.0.0/16", "fd00::/64"))
    for address in ("10.20.3.4", "fd00::7", "::ffff:10.20.0.1"):
        guard.check_addresses([ipaddress.ip_address(address)])
    for address in ("10.21.0.1", "fd01::7", "127.0.0.1"):
        with pytest.raises(DestinationError):
            guard.check_addresses([ipaddress.ip_address(address)])


def test_a_name_without_an_address_may_not_be_called():
    with pytest.raises(DestinationError, match="no address"):
        Guard().check_addresses([])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/", "https://"),
        ("ftp://example.com/", "expected https://"),
        ("example.com/hook", "expected https://"),
        ("https:///hook", "expected https://"),
        ("https://user:word@example.com/", "no user"),
        ("https://example.com/#part", "no user, password or fragment"),
        ("https://example.com:99999/", "no address"),
        ("https://exa mple.com/", "printable"),
        ("https://example.com/\r\nHost: x", "printable"),
        ("https://example.com/" + "a" * 2_000, "printable"),
        ("https://bücher.example/", "printable"),
        ("https://127.0.0.1/", "no public address"),
        ("https://[::1]:8443/", "no public address"),
        ("https://a_b!c/", "no name of a host"),
    ],
)
def test_an_address_that_cannot_be_one_says_why(url, said):
    with pytest.raises(DestinationError, match=said):
        Guard().check_url(url)


def test_an_address_comes_apart():
    found = parse_destination("https://erp.example.com:8443/hook/a?b=c%20d")
    assert (found.host, found.port, found.target) == ("erp.example.com", 8443, "/hook/a?b=c%20d")
    assert found.host_header == "erp.example.com:8443"
    assert parse_destination("https://erp.example.com").target == "/"
    assert parse_destination("http://[2606::1]/").host_header == "[2606::1]"
