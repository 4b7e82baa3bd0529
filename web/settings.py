"""What the web process is told when it starts."""

from __future__ import annotations

import msgspec

__all__ = ["OpenIdSettings", "WebSettings"]


class OpenIdSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sign-in at an identity provider (OpenID Connect), as the provider knows this client.

    `redirect_url` is where it sends browsers back to. `token` says which of its tokens calls are
    made with; the front must believe it. `name` stands on the button.
    """

    issuer: str
    client_id: str
    client_secret: str = ""
    redirect_url: str
    scopes: tuple[str, ...] = ("openid",)
    token: str = "id_token"  # noqa: S105 - the name of one
    name: str = ""


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sent once over the standard input of the process.

    `front` is the gRPC target of the front, `socket_descriptor` the listening socket that the
    process inherits, `address` what is told to people. With `nobody_signs_in` everybody on this
    machine is an admin, so requests that a foreign page makes a browser send are refused.
    `local_users` and `openid` are how people sign in, `has_tenants` asks them where. With
    `behind_proxy` a proxy encrypts, and says whose request it passes on.
    """

    front: str
    address: str
    socket_descriptor: int
    nobody_signs_in: bool
    certificate_file: str = ""
    private_key_file: str = ""
    log_level: str = "info"
    mask_key: bytes = b""
    behind_proxy: bool = False
    local_users: bool = False
    has_tenants: bool = False
    openid: OpenIdSettings | None = None

    @property
    def is_encrypted(self) -> bool:
        """Whether the process itself speaks TLS."""
        return bool(self.certificate_file)

    @property
    def cookies_are_secure(self) -> bool:
        """Whether browsers reach it encrypted, so that cookies may never travel otherwise."""
        return self.is_encrypted or self.behind_proxy
