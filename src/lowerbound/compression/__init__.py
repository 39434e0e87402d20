"""Rows as bytes, by bits-back coding: the bound is the rate, and can be weighed."""
