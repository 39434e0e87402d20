"""A Ray Dataset through a pool of two actors, on a Ray of this machine: the bits of one process."""

import logging
import os

import numpy as np
import pyarrow as pa
import pytest

import lowerbound as lb
from lowerbound.runs import RunFolder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ray():
    """A Ray of two workers, and room for the tasks that read: an actor keeps its processor."""
    ray = pytest.importorskip("ray", reason="the extra cluster is not installed")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options = {"include_dashboard": False, "logging_level": logging.ERROR, "log_to_driver": False}
    ray.init(num_cpus=4, configure_logging=False, **options)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


def gathered(dataset, ray):
    return pa.concat_tables(ray.get(dataset.to_arrow_refs())).sort_by("who")


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_two_workers_give_the_bits_of_one_process(ray, run, files, table):
    options = {"method": "importance", "samples": 10, "seed": 3}
    dataset = ray.data.read_parquet(str(files), override_num_blocks=6)
    small = {"batch_size": 100}
    scored = gathered(lb.cluster.score(dataset, run, carry=["who"], workers=2, ray=small, **options), ray)
    encoded = gathered(lb.cluster.encode(dataset, run, carry=["who"], workers=2, ray=small), ray)
    source = RunFolder.read(run)
    rows = source.rows(table).rows
    del options["seed"]
    evidence = lb.log_evidence(source.model, rows, key=3, **options)
    assert (
        scored.column("who").to_pylist()
        == encoded.column("who").to_pylist()
        == table.column("who").to_pylist()
    )
    for name in ("log_prob", "standard_error", "effective_sample_size"):
        assert np.array_equal(np.array(scored.column(name)), getattr(evidence, name))
    codes = np.stack(encoded.select(["z0", "z1"]).columns, axis=1)
    assert np.array_equal(codes, lb.encode(source.model, rows))


@pytest.mark.filterwarnings("ignore")
def test_holes_are_filled_and_a_refused_row_is_not_lost(ray, run, table):
    cells = table.slice(0, 60).to_pydict()
    cells["color"][5], cells["weight"][6], cells["color"][7] = None, None, "mauve"
    dataset = ray.data.from_arrow(pa.table(cells))
    found = gathered(lb.cluster.impute(dataset, run, workers=1, samples=50), ray)
    source = RunFolder.read(run, with_holes=True)
    x = lb.impute(source.model, source.rows(pa.table(cells)).rows[[5, 6]], samples=50, mean=True)
    color, weight = (
        source.schema.restored(x)[table.column_names.index(name)] for name in ("color", "weight")
    )
    assert found.column("color")[5].as_py() == color[0]
    assert found.column("weight")[6].as_py() == weight[1]
    assert [row for row, why in enumerate(found.column("refused").to_pylist()) if why] == [7]
    assert found.column("color")[7].as_py() == "mauve"
