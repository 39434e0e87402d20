"""Tokens with a meaning of their own."""

__all__ = ["END", "UNKNOWN"]

# The token that ends a sequence; all places after it hold it too.
END = 0
# A token that a network is not told.
UNKNOWN = -1
