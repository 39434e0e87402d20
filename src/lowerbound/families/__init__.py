"""Families of distributions: each turns an unconstrained vector into a distribution over one event.

One set of families serves all three places of a VAE: prior, posterior and likelihood.
"""
