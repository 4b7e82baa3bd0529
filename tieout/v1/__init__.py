"""Generated from proto/tieout/v1; see `make proto`."""
