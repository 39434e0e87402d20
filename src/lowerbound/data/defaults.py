"""What is taken of a table's likelihood where nothing is said."""

__all__ = ["WINDOW"]

# Tokens that a decoder of text sees before each: of 6 the density is about as high as of all that are before,
# and z is still needed.
WINDOW = 6
