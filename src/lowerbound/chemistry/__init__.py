"""Molecules: their properties, how drawn ones stand beside those that trained, and their pictures."""
