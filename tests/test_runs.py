"""A run is a folder: what is read of it is what was written, and its rows are found by name."""

import numpy as np
import pyarrow as pa
import pytest

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.runs import RunFolder
from lowerbound.workflow import evaluate, train_run

RNG = np.random.default_rng(0)
TABLE = pa.table({"a": RNG.normal(size=90), "b": RNG.normal(5, 2, size=90)})
QUICK = dict(method="importance", epochs=2, samples=10, batch_size=32)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two named columns."""
    built = build(np.stack([TABLE["a"], TABLE["b"]], axis=1), latent_dim=1, width=4)
    held_out = TABLE[80:].select(["b", "a"])
    return train_run(tmp_path_factory.mktemp("runs") / "run", built.model, TABLE[:80], held_out, **QUICK)


@pytest.mark.thorough
def test_a_run_is_read_as_it_was_written(run):
    again = RunFolder.read(run.path)
    assert again.provenance.data.column_names == ("a", "b")
    assert again.provenance.split == type(again.provenance.split)(72, 8)
    assert (len(again.trained_on.train), len(again.trained_on.validation)) == (72, 8)
    assert [record["epoch"] for record in again.history] == sorted(r["epoch"] for r in again.history) != []
    assert set(again.baselines) == set(again.metrics.baselines) != set()
    assert (run.path / "reconstructions.png").exists()


@pytest.mark.thorough
def test_held_out_columns_are_taken_by_name(run):
    """They were handed in in another order: by place each column would be scored as the other."""
    x = np.stack([TABLE["a"], TABLE["b"]], axis=1)[80:]
    assert (
        run.metrics.log_likelihood
        == lb.log_evidence(lb.load(run.path), x, method="importance", samples=10).mean
    )


@pytest.mark.thorough
def test_what_is_loaded_scores_as_the_run_does(run):
    evidence = lb.log_evidence(
        lb.load(run.path), np.stack([TABLE["a"], TABLE["b"]], axis=1), method="importance", samples=10
    )
    for rows in (TABLE, TABLE.select(["b", "a"]), run.rows(TABLE)):
        np.testing.assert_array_equal(
            evaluate(run, rows, method="importance", samples=10).evidence.log_prob, evidence.log_prob
        )
        by_name = evaluate(str(run.path), rows, method="importance", samples=10).evidence.log_prob
        np.testing.assert_array_equal(by_name, evidence.log_prob)
    with pytest.raises(ValueError, match="expected the columns that the model was trained on, found no b"):
        evaluate(run, TABLE.select(["a"]))


@pytest.mark.thorough
def test_a_run_is_evaluated_beside_its_baselines_and_knows_its_rows(run):
    metrics = evaluate(run, TABLE, method="importance", samples=10).metrics
    assert set(metrics.baselines) == {"factor-analysis", "gaussian-mixture-full", "gaussian-mixture-diagonal"}
    assert (metrics.rows_trained_on, metrics.rows_that_chose_the_model) == (72, 8)


@pytest.mark.thorough
def test_a_model_or_an_estimator_that_was_saved_is_read_as_a_run(tmp_path):
    """Of which nothing else is known, but for the rows that trained an estimator: 36 of 40."""
    x = RNG.integers(0, 2, (40, 3))
    quick = {"epochs": 1, "evidence_method": "importance", "evidence_samples": 10, "random_state": 0}
    vae = lb.VariationalAutoencoder(1, width=4, **quick).fit(x)
    lb.save(vae.model_, tmp_path / "model")
    vae.save(tmp_path / "estimator")
    for name, trained_on in (("model", 0), ("estimator", 36)):
        run = RunFolder.read(tmp_path / name)
        assert (run.provenance, run.history, run.baselines, run.metrics) == (None, (), {}, None)
        assert run.trained_on.train.shape == (trained_on, 2)
        np.testing.assert_array_equal(lb.encode(run.model, x), lb.encode(vae.model_, x))
    lb.save(lb.StandardNormal(2), tmp_path / "prior")
    with pytest.raises(ValueError, match="expected a VAE or an estimator, found StandardNormal"):
        RunFolder.read(tmp_path / "prior")
    with pytest.raises(FileNotFoundError, match=r"expected a saved model, found no model\.safetensors"):
        RunFolder.read(tmp_path / "nowhere")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "what"),
    [("provenance.json", "provenance"), ("metrics.json", "metrics"), ("history.jsonl", "history"),
     ("rows.safetensors", "trained_on"), ("baselines.safetensors", "baselines")],
)  # fmt: skip
def test_a_file_that_is_damaged_is_named_when_it_is_read(run, tmp_path, name, what):
    lb.save(run.model, tmp_path)
    (tmp_path / name).write_bytes((run.path / name).read_bytes()[:-30])
    with pytest.raises(ValueError, match=name):
        getattr(RunFolder.read(tmp_path), what)


@pytest.mark.thorough
def test_what_an_earlier_run_left_is_not_taken_for_this_ones(run, tmp_path):
    for name in ("baselines.safetensors", "metrics.json"):
        (tmp_path / name).write_bytes(b"an earlier run's")
    RunFolder(tmp_path).write_model(run.model, run.provenance, run.trained_on, run.history)
    again = RunFolder.read(tmp_path)
    assert (again.baselines, again.metrics) == ({}, None)
