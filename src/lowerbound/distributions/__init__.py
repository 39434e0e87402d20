"""Densities that NumPyro lacks or gets wrong in float32; supports, measures and divergences."""
