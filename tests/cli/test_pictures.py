"""The pictures that `lowerbound fit` writes, and those that it cannot."""

import numpy as np
import pytest

from lowerbound.cli import main

from .calls import FAST


@pytest.mark.thorough
def test_a_fit_of_few_images_with_channels_first_ends_well(tmp_path, capsys):
    """14 rows leave one to report on; before, its pictures ended the call with status 2 after training."""
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (14, 3, 4, 4)).astype(np.uint8))
    options = [
        "--epochs",
        "1",
        "--width",
        "4",
        *FAST,
        "--samples",
        "5",
        "--no-baselines",
        "--latent-dim",
        "3",
    ]
    assert main(["fit", str(tmp_path / "x.npy"), "--out", str(tmp_path / "run"), *options]) == 0
    early, late = capsys.readouterr().err.split("\ntrained ")
    for name in ("reconstructions", "samples", "sample-means", "latents"):
        assert f"there will be no picture '{name}': " in early
        assert f"the picture '{name}' is left out: " in late
    assert [path.name for path in (tmp_path / "run").glob("*.png")] == ["bound.png"]
