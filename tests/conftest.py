"""Fixtures that every test may use."""

import atexit
import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

# One cache of compiled programs for a run and its workers: many tests compile the same small programs, and
# the smallest, an operation of a shape, are most of them.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="lowerbound-xla-")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """Most of the tests' time is XLA's compiler: without LLVM's optimisation it is half as long, and shorter
    still of code that is emitted without MLIR, of which each fusion costs a context of its own, and of a
    program in one piece. All that rounds some functions otherwise in the last bits. The slow tests, which
    compute, run programs as a user's are compiled."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as of a job that a shell began in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "not slow" in config.option.markexpr:
        flags = (
            "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
            "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
        )
        os.environ.setdefault("XLA_FLAGS", flags)


def pytest_collection_finish() -> None:
    """What was imported stays: it need not be looked through for what can be let go, nor often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


# Of a process: Linux allows it 65,530 by default. With as many as are let be here it holds some 2 GB.
MAPS, MOST_MAPS = Path("/proc/self/maps"), 6_000


@pytest.fixture(scope="module", autouse=True)
def _no_more_programs_than_a_process_holds():
    """Thousands of compiled programs exhaust a process's memory maps, and XLA then ends in a segmentation
    fault. Before that they are let go; the cache on disk keeps them."""
    yield
    if not MAPS.exists() or MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        import jax  # not before the cache's folder is named above

        jax.clear_caches()


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
