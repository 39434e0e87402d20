"""Real data end to end through the command line."""

import gzip
import json
import struct

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

import lowerbound as lb
from lowerbound.cli import main
from lowerbound.data.sources import open_source
from lowerbound.randomness.keys import RowKeys, as_key

from .calls import FAST


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.slow
def test_mnist_as_idx(shared_data, tmp_path):
    with np.load(shared_data("mnist.npz")) as archive:
        images = archive["x_test"][:4000]
    path = tmp_path / "images-idx3-ubyte.gz"
    with gzip.open(path, "wb") as file:
        file.write(struct.pack(">BBBBIII", 0, 0, 8, 3, *images.shape) + images.tobytes())
    out = tmp_path / "run"
    options = "--binarize dynamic --epochs 6 --width 64 --samples 10 --no-baselines"
    assert main(["fit", str(path), "--out", str(out), *options.split()]) == 0
    found = metrics(out)
    assert found["n_dims"] == 784
    assert found["measure"] == "counting measure, of rows binarised at random, P(1) = pixel/255"
    assert -220 < found["elbo"] <= found["log_likelihood"] < -80  # independent pixels: −206


@pytest.mark.slow
def test_frey_faces_in_grey(shared_data, tmp_path):
    out = tmp_path / "run"
    options = "--epochs 20 --width 64 --samples 10 --no-baselines"
    assert main(["fit", f"{shared_data('frey_faces.npz')}:x", "--out", str(out), *options.split()]) == 0
    found = metrics(out)
    assert "a lower bound in the counting measure, through uniform dequantisation" in found["measure"]
    assert 4 < found["bits_per_dim"] < 8  # 8 bits are what a pixel takes uncompressed
    assert (out / "reconstructions.png").exists()


@pytest.mark.slow
def test_white_wine_in_its_own_units(shared_data, tmp_path):
    """log p(x) against a computation by hand: the normal density of the raw columns, scipy's, weighted."""
    out, data = tmp_path / "run", str(shared_data("winequality-white.csv"))
    options = "--latent-dim 2 --epochs 10 --width 32 --samples 10"
    assert main(["fit", data, "--out", str(out), *options.split()]) == 0
    assert metrics(out)["measure"].startswith("Lebesgue measure, in the data's own units")
    assert {"factor-analysis", "gaussian-mixture-full"} <= set(metrics(out)["baselines"])
    scores = tmp_path / "scores.npy"
    assert main(["score", str(out), data, *FAST, "--samples", "50", "--out", str(scores)]) == 0
    model, x = lb.load(out), open_source(data).x
    transform = model.transform
    mean, scale = (np.asarray(v.value, np.float64) for v in (transform.mean, transform.scale))
    sigma = np.exp(0.5 * np.asarray(model.likelihood.family.scale.log_variance, np.float64))
    for row in (0, 17, 1234):
        draw = model.draw(x[row], RowKeys.by_content(as_key(0), x[row]), samples=50)
        weights = []
        for j in range(50):
            location = np.asarray(model.p_x(draw.z[j]).mean, np.float64)
            log_p = norm(mean + scale * location, scale * sigma).logpdf(x[row].astype(np.float64)).sum()
            weights.append(log_p + float(draw.log_prior[j] - draw.log_posterior[j]))
        by_hand = logsumexp(weights) - np.log(50)
        assert np.load(scores)[row, 0] == pytest.approx(by_hand, abs=2e-3)


@pytest.mark.slow
def test_thyroid_as_outliers(shared_data, tmp_path, capsys):
    path = shared_data("adbench_38_thyroid.npz")
    with np.load(path) as archive:
        y = archive["y"]
    out, scores = tmp_path / "run", tmp_path / "scores.npy"
    options = "--latent-dim 2 --epochs 40 --width 64 --samples 10 --no-baselines --test 0.3"
    assert main(["fit", f"{path}:X", "--out", str(out), *options.split()]) == 0
    assert main(["score", str(out), f"{path}:X", *FAST, "--samples", "100", "--out", str(scores)]) == 0
    x = open_source(f"{path}:X").x
    ours = roc_auc_score(y, -np.load(scores)[:, 0])
    forest = roc_auc_score(y, -IsolationForest(random_state=0).fit(x).score_samples(x))
    with capsys.disabled():
        print(f"\nthyroid, AUROC of −log p(x): {ours:.3f}; IsolationForest: {forest:.3f}")
    assert ours > 0.85
