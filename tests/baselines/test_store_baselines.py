"""Baselines on disk: the same numbers back, and a file that is broken is refused in one line."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lowerbound.archive.store import write_file
from lowerbound.baselines import load_baselines, save_baselines

from .clusters import EVERY

COIN = {
    "coin": {
        "part": "binomial-mixture",
        "trials": 1,
        "note": "a coin",
        "weights": {"array": "baselines.coin.weights"},
        "probabilities": {"array": "baselines.coin.probabilities"},
    }
}
ARRAYS = {"coin.weights": np.ones(1), "coin.probabilities": np.full((1, 2), 0.5)}


def write(path, records, arrays=ARRAYS):
    named = {f"baselines.{name}": array for name, array in arrays.items()}
    write_file(path, "baselines", {"mapping": records} if isinstance(records, dict) else records, named)


@pytest.mark.parametrize("kind", EVERY)
def test_saved_and_loaded_baselines_give_the_same_numbers(fitted, kind, tmp_path):
    baselines, x = fitted[kind]
    path = tmp_path / "baselines.safetensors"
    save_baselines(baselines, path)
    loaded = load_baselines(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert list(loaded) == list(baselines)
    for name in baselines:
        assert loaded[name].note == baselines[name].note
        assert_array_equal(loaded[name].log_prob(x), baselines[name].log_prob(x))


def test_the_file_that_the_malformed_ones_differ_from(tmp_path):
    write(tmp_path / "good", COIN)
    assert_allclose(load_baselines(tmp_path / "good")["coin"].log_prob([[0, 1]]), np.log(0.25))


@pytest.mark.parametrize(
    "case",
    [
        dict(records=[]),
        dict(records=3),
        dict(records={"coin": "text"}),
        dict(records={"coin": {}}),
        dict(records={"coin": COIN["coin"] | {"part": "os.system"}}),
        dict(records={"coin": COIN["coin"] | {"trials": "many"}}),
        dict(records={"coin": COIN["coin"] | {"trials": 0}}),
        dict(records={"coin": COIN["coin"] | {"note": 3}}),
        dict(records={"coin": COIN["coin"] | {"weights": [1.0]}}),
        dict(records={"coin": COIN["coin"] | {"more": 1}}),
        dict(records={"x": {"part": "dequantized", "density": COIN["coin"], "seed": 0}}),
        dict(records={"x": {"part": "standard-normal", "event_size": 2}}),
        dict(records=COIN, arrays={"coin.weights": np.ones(1)}),
        dict(records=COIN, arrays=ARRAYS | {"coin.weights": np.full(1, 0.5)}),
        dict(records=COIN, arrays=ARRAYS | {"coin.weights": np.ones(1, np.int64)}),
        dict(records=COIN, arrays=ARRAYS | {"coin.probabilities": np.full((1, 2), 1.5)}),
        dict(records=COIN, arrays=ARRAYS | {"coin.probabilities": np.full((1, 2), np.nan)}),
        dict(records=COIN, arrays=ARRAYS | {"coin.probabilities": np.full(2, 0.5)}),
    ],
    ids=lambda case: "",
)
def test_a_malformed_file_is_one_line_that_names_it(case, tmp_path):
    path = tmp_path / "broken.safetensors"
    write(path, **case)
    with pytest.raises(ValueError, match=r"broken\.safetensors: no baselines that can be read") as error:
        load_baselines(path)
    assert "\n" not in str(error.value)


def test_a_truncated_or_foreign_file_is_refused(fitted, tmp_path):
    path = tmp_path / "baselines.safetensors"
    save_baselines(fitted["gaussian"][0], path)
    whole = path.read_bytes()
    for content in (b"", b"\x80\x04N.", whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="no baselines that can be read"):
            load_baselines(path)
    with pytest.raises(FileNotFoundError, match="absent"):
        load_baselines(tmp_path / "absent")
