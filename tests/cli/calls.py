"""What calls of the command line in tests share."""

# Compiles one small program.
FAST = ["--method", "importance"]
