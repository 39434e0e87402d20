"""What the tests of the command line share: a cache of their own, and runs of the digits."""

import jax
import pytest

from lowerbound.cli import main
from lowerbound.data.sources import open_source

from ..serve.conftest import write_run
from .calls import FAST

QUICK = ["--epochs", "3", "--width", "16", *FAST, "--samples", "10"]


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A compilation cache of the session's own: the user's is not touched."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def configuration(cache, monkeypatch):
    """The command line may set JAX's configuration; other tests run in this process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert main(["fit", "digits", "--latent-dim", "2", "--out", str(folder), *QUICK]) == 0
    return folder


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """A run of the digits for what asks of its model no more than to be one."""
    source = open_source("digits:train")
    return write_run(tmp_path_factory.mktemp("runs") / "untrained", source.schema, source.rows[:200])
