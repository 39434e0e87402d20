"""The pictures that `lowerbound fit` writes, and those that it cannot."""

import numpy as np
import pytest

from lowerbound.cli import main

from .calls import FAST


@pytest.mark.slow
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


@pytest.mark.thorough
def test_molecules_are_drawn_as_structures_and_every_bad_line_is_named(tmp_path, capsys):
    """From a file with what is none, an empty line and a salt to structures; later molecules that the model
    never saw keep their rows in `score`, and are all named where they are refused."""
    pytest.importorskip("rdkit"), pytest.importorskip("selfies")
    smiles = ["CCO", "CCN", "CC(=O)[O-].[Na+]", "C1CCCC1", "CC#N"] * 6
    (tmp_path / "some.smi").write_text("\n".join(["C(C", "", *smiles]) + "\n")
    run = str(tmp_path / "run")
    options = ["--epochs", "1", "--width", "4", *FAST, "--samples", "5", "--no-baselines"]
    assert main(["fit", str(tmp_path / "some.smi"), "--out", run, "--latent-dim", "2", *options]) == 0
    told = capsys.readouterr().err
    assert "1 row left out, whose 'smiles' is no text of tokens of SELFIES: 'C(C' in row 0" in told
    assert "1 empty line left out: 2" in told
    drawn = {path.stem for path in (tmp_path / "run").glob("*.png")}
    assert {"molecules", "molecules-again", "properties"} <= drawn
    assert not {"samples", "sample-means", "reconstructions"} & drawn
    assert main(["sample", run, "-n", "4", "--out", str(tmp_path / "m.svg")]) == 0
    assert (tmp_path / "m.svg").read_text().count("<path") > 8
    later = tmp_path / "later.smi"
    later.write_text("OCC\nC(C\nCC.[K+]\n" + "C" * 30 + "\n[Xe]\nCC#N\n")
    capsys.readouterr()
    for verb in ("reconstruct", "encode"):
        assert main([verb, run, str(later), "--out", str(tmp_path / f"{verb}.csv")]) == 2
        assert "'C(C' (4 rows in all: 1, 2, 3, 4) in row 1" in capsys.readouterr().err
    assert main(["score", run, str(later), *FAST, "--samples", "5"]) == 0
    scores = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert [score == "-inf" for score in scores] == [False, True, True, True, True, False]
