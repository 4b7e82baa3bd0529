"""The contract over HTTP: JSON for ERPs and the workbench for clerks, in a process of its own.

It is a client of the gRPC front like any other: what a caller may do is decided there.
"""
