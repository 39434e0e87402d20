"""What the contracts share."""

import jax
import pytest


@pytest.fixture(autouse=True)
def _programs_of_one_part():
    """Those of all parts together exhaust a process's memory maps, and XLA ends in a segmentation fault."""
    yield
    jax.clear_caches()
