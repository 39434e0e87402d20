"""Networks, array → array: the product that all are made of, perceptrons, convolutions, wrappers."""
