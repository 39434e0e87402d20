"""The forms in which arrays and tables travel."""

from typing import Final

__all__ = ["ARROW", "JSON", "NPY"]

JSON: Final = "application/json"
ARROW: Final = "application/vnd.apache.arrow.stream"
NPY: Final = "application/x-npy"
