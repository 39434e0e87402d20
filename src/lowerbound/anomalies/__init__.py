"""Which rows are unlike those that a model knows, with a guarantee; and which columns of a row make it so."""
