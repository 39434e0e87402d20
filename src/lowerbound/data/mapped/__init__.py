"""Rows larger than memory: looked at in one pass, encoded once into one flat file, and mapped from there."""
