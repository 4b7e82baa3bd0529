"""What the composition root puts together: services, one file per concern."""

from __future__ import annotations

__all__: list[str] = []
