"""Randomness is an argument: keys, the generator behind them, and keys from the content of a row."""
