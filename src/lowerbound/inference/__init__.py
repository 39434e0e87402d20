"""Using a model: rows through a compiled function, to encode, decode, generate and fill in."""
