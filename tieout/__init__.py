"""What a caller imports: generated stubs (`tieout.v1`), the client, the command line."""
