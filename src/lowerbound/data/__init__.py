"""Data: where rows come from, what kind of data they are, and how a model sees them."""
