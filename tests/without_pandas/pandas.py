"""Stands before pandas where it is looked for: it is there for the tests of Spark alone.

pyarrow imports it wherever it is installed, into every process a test starts: a third of the time a
worker takes to start. An installation of Tieout has none.
"""

from __future__ import annotations

message = "pandas is hidden from the processes that tests start"
raise ImportError(message)
