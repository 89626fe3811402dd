"""A client that goes through every call against a running server, with real signatures and transfers."""
