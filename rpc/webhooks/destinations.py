"""Which addresses may be called: public ones, and those the operator allows.

A webhook is an address that somebody else wrote down, called from within our network. Without this
guard it could be the database's, the cloud's metadata service, or a router's.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Destination", "DestinationError", "Guard", "IpAddress", "parse_destination"]

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_URL_LENGTH_MAX: Final = 2_000
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_IPV4_BITS: Final = 0xFFFFFFFF


class DestinationError(Exception):
    """An address that may not be called; the message says why."""


class Destination(msgspec.Struct, frozen=True):
    """Where a message goes. `target` is the path with its query."""

    is_encrypted: bool
    host: str
    port: int
    target: str

    @property
    def host_header(self) -> str:
        """Host and port as HTTP names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_encrypted else 80) else f"{host}:{self.port}"


class Guard(msgspec.Struct, frozen=True):
    """The operator's rules: networks that may be called though they are not public, plain HTTP."""

    allowed_networks: tuple[str, ...] = ()
    allow_http: bool = False

    def check_url(self, url: str) -> Destination:
        """The destination of `url`; raises `DestinationError`. Its host is not looked up yet."""
        destination = parse_destination(url)
        if not destination.is_encrypted and not self.allow_http:
            message = "the address must begin with https:// (webhooks.allow_http permits http://)"
            raise DestinationError(message)
        literal = _address_in(destination.host)
        if literal is not None:
            self.check_addresses([literal])
        return destination

    def check_addresses(self, addresses: Iterable[IpAddress]) -> IpAddress:
        """The address to call out of all that a name stands for; raises `DestinationError`.

        One that may not be called forbids them all: a name that means both is a trap.
        """
        found = list(addresses)
        for one in found:
            if not self._may_call(one):
                message = (
                    f"{one} is no public address; webhooks.allowed_networks lets the operator "
                    "allow the network it is in"
                )
                raise DestinationError(message)
        if not found:
            message = "the name of the host stands for no address"
            raise DestinationError(message)
        return found[0]

    def _may_call(self, address: IpAddress) -> bool:
        inner = _embedded(address)
        if inner is not None:
            return self._may_call(inner)
        networks = (ipaddress.ip_network(one) for one in self.allowed_networks)
        if any(address in one for one in networks):
            return True
        return address.is_global and not address.is_multicast


def parse_destination(url: str) -> Destination:
    """Where `url` goes; raises `DestinationError` where it is not a plain HTTP address."""
    if len(url) > _URL_LENGTH_MAX or not url.isascii() or any(one <= " " for one in url):
        message = f"an address has at most {_URL_LENGTH_MAX} printable ASCII characters"
        raise DestinationError(message)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        message = f"{url!r} is no address: {error}"
        raise DestinationError(message) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        message = f"{url!r} is no address; expected https://host/path"
        raise DestinationError(message)
    if parts.username is not None or parts.password is not None or parts.fragment:
        message = "an address has no user, password or fragment; the signature says who sends"
        raise DestinationError(message)
    if _HOST.fullmatch(parts.hostname) is None:
        message = f"{parts.hostname!r} is no name of a host"
        raise DestinationError(message)
    is_encrypted = parts.scheme == "https"
    target = parts.path or "/"
    if parts.query:
        target = f"{target}?{parts.query}"
    return Destination(is_encrypted, parts.hostname, port or (443 if is_encrypted else 80), target)


def _address_in(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _embedded(address: IpAddress) -> IpAddress | None:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _IPV4_BITS)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
