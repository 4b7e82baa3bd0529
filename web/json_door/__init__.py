"""The contract as JSON over HTTP: every call of `tieout.v1` under `/v1/`, by protobuf's mapping."""
