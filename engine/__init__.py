"""Payments and open items in, applications and exceptions out: pure, columnar, deterministic.

Nothing here reads a clock, a file, the environment or randomness; what a result depends on is in
its arguments. Start reading at `engine.matcher`.
"""
