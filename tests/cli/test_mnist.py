"""MNIST through the command line alone."""

import json

import pytest

from lowerbound.cli import main


@pytest.mark.slow
def test_mnist_reaches_its_log_likelihood(shared_data, tmp_path, monkeypatch):
    """784-512-512-40, dynamic binarisation, 40 epochs: log p(x) of the test set, K = 5,000, ≥ −88.6 nats."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    mnist, out = shared_data("mnist.npz"), tmp_path / "run"
    options = "--binarize dynamic --latent-dim 40 --width 512 --batch-size 200 --epochs 40 --samples 5000"
    call = ["fit", f"{mnist}:x_train", "--test", f"{mnist}:x_test", "--out", str(out), "--no-baselines"]
    assert main([*call, *options.split()]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["n_rows"] == 10_000
    assert metrics["rows_trained_on"] == 0
    assert metrics["log_likelihood"] - 2 * metrics["log_likelihood_monte_carlo_error"] >= -88.6
