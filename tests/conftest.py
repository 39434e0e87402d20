"""Fixtures that every test may use."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Where a real data set lies: `shared_data("mnist.npz")`, or a skip that says why.

    The folder is named by the environment variable LOWERBOUND_DATA and is ../shared/data beside
    the repository otherwise.
    """
    folder = Path(os.environ.get("LOWERBOUND_DATA") or REPOSITORY.parent / "shared" / "data")

    def find(name: str) -> Path:
        path = folder / name
        if not path.is_file():
            pytest.skip(f"no real data: {path} is absent (LOWERBOUND_DATA names its folder)")
        return path

    return find
