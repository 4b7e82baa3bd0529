"""The contract answered over gRPC."""
