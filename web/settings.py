"""What the web process is told when it starts."""

from __future__ import annotations

import msgspec

__all__ = ["WebSettings"]


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sent once over the standard input of the process.

    `front` is the gRPC target of the front, `socket_descriptor` the listening socket that the
    process inherits, `address` what is told to people. With `nobody_signs_in` everybody on this
    machine is an admin, so requests that a foreign page makes a browser send are refused.
    """

    front: str
    address: str
    socket_descriptor: int
    nobody_signs_in: bool
    certificate_file: str = ""
    private_key_file: str = ""
    log_level: str = "info"
    mask_key: bytes = b""

    @property
    def is_encrypted(self) -> bool:
        """Whether the process itself speaks TLS."""
        return bool(self.certificate_file)
