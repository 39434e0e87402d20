"""log p(x) of each row, and whether its error can be relied on."""
