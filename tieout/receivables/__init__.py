"""Numbers of accounts receivable: what is open and how old, how fast it is collected, what is lost,
and when each open item will be paid. Definitions and examples are in `docs/receivables.md`.
"""
