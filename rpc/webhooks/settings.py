"""What the process of webhooks is told: one line of JSON on its standard input."""

from __future__ import annotations

import msgspec

__all__ = ["WebhookSettings"]


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which stores it looks after, and whom it may call."""

    store_url: str
    tenants: tuple[str, ...]
    encryption_key_file: str
    allowed_networks: tuple[str, ...]
    allow_http: bool
    ca_file: str
    log_level: str
    mask_key: bytes
