"""One self-contained page on a model: the verdict, numbers with errors, pictures."""
