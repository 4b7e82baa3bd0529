"""What keeps a server from starting because of how it is set up; a call never meets it.

ConfigurationError     the sentence names file or key, value and expectation
"""

from __future__ import annotations

__all__ = ["ConfigurationError"]


class ConfigurationError(ValueError):
    """A setting, or a file that a setting names, that cannot be used."""
