"""Settings of every test: a slow machine takes longer and finds the same."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any_machine")
