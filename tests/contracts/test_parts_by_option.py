"""Every likelihood, posterior and prior by its name goes through every verb of the command line."""

import numpy as np
import pytest

from lowerbound.cli import main

from ..cli.calls import FAST
from .parts import COLUMNS, LATENTS, ROWS, data_for, every_part

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.filterwarnings(
        "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::lowerbound.training.fit.TrainingWarning"
    ),
]


@every_part()
def test_the_command_line_takes_it_through_every_verb(options, tmp_path, capsys):
    x = data_for(options)
    np.save(tmp_path / "x.npy", x)
    data, run = str(tmp_path / "x.npy"), str(tmp_path / "run")
    said = [word for name, value in options.items() for word in (f"--{name}", value)]
    small = [
        "--latent-dim",
        str(LATENTS),
        "--width",
        "4",
        "--depth",
        "1",
        "--epochs",
        "1",
        *FAST,
        "--samples",
        "2",
    ]
    assert main(["fit", data, "--test", data, "--out", run, *said, *small, "--no-baselines"]) == 0
    scores = np.load(out_of(tmp_path, ["score", run, data, *FAST, "--samples", "2"]))
    assert np.isfinite(scores[:, 0]).all()
    assert len(np.load(out_of(tmp_path, ["encode", run, data]))) == ROWS
    assert np.load(out_of(tmp_path, ["reconstruct", run, data])).shape == (ROWS, COLUMNS)
    assert np.load(out_of(tmp_path, ["sample", run, "-n", "5"])).shape == (5, COLUMNS)
    capsys.readouterr()


def out_of(folder, call):
    """The file of numbers that a verb writes."""
    path = folder / f"{call[0]}.npy"
    assert main([*call, "--out", str(path)]) == 0
    return path
