"""The client says what the estimator says: the same types, the same numbers to the bit."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import lowerbound as lb
from lowerbound.baselines.comparison import TrainedOn
from lowerbound.data.schema import Schema
from lowerbound.serve.access import Access
from lowerbound.serve.calls import refusal
from lowerbound.serve.limits import Limits
from lowerbound.serve.service import Service

from .live import live

LONG = Limits(seconds=300)


def estimator(service, schema):
    """An estimator of a service's untrained model, as if it had been fitted to tables of this schema."""
    fitted = {
        "schema_": schema.to_json(),
        "n_features_in_": len(schema.columns),
        "likelihood_": "",
        "seed_": 5,
        "offset_": 0.0,
        "history_": [],
        "n_iter_": 1,
    }
    if schema.named:
        fitted["feature_names_in_"] = list(schema.names)
    kept = {
        "settings": {"latent_dim": 2},
        "fitted": fitted,
        "model": service.model,
        "calibration_scores": np.linspace(-200, -10, 20),
        "trained_on": TrainedOn()._asdict(),
        "panel": None,
    }
    return lb.VariationalAutoencoder.restored(kept)


@pytest.fixture(scope="module")
def people(table):
    """The table as a frame of pandas with an index and a categorical column, of rows from one to another."""
    frame = table.to_pandas().astype({"color": "category"}).set_index(pd.RangeIndex(1000, 1120))
    return lambda start, stop: frame.iloc[start:stop].copy()


@pytest.fixture(scope="module")
def frames(tmp_path_factory, mixed, people):
    """An estimator of a frame, and a client of it."""
    yield from fitted(tmp_path_factory.mktemp("frames") / "people", mixed, Schema.of(people(0, 120)))


@pytest.fixture(scope="module")
def arrays(tmp_path_factory, digits):
    """An estimator of arrays, and a client of it."""
    yield from fitted(tmp_path_factory.mktemp("arrays") / "digits", digits, digits.schema)


def fitted(folder, service, schema):
    vae = estimator(service, schema)
    vae.save(folder)
    with live(Service.of(folder), LONG) as url, lb.serve.Client(url, timeout=300, rows=7) as client:
        yield vae, client


@pytest.fixture(scope="module")
def rows(images):
    """Rows of the digits."""
    return np.array(images[:20], np.float64)


def same(found, expected):
    """Whether two arrays, or two frames, are alike: type, names, types of columns, index and values."""
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    else:
        assert found.equals(expected)


def test_codes_and_rows_of_arrays(arrays, rows):
    vae, client = arrays
    for x in (rows, rows.astype(np.float32)):
        same(client.transform(x), vae.transform(x))
        same(client.inverse_transform(vae.transform(x)), vae.inverse_transform(vae.transform(x)))
    same(client.transform(rows.tolist()), vae.transform(rows))
    same(client.reconstruct(rows), vae.reconstruct(rows))


def test_codes_and_rows_of_frames(frames, people):
    vae, client = frames
    frame = people(10, 30)
    same(client.transform(frame), vae.transform(frame))
    same(client.inverse_transform(vae.transform(frame)), vae.inverse_transform(vae.transform(frame)))
    same(client.reconstruct(frame), vae.reconstruct(frame))
    for other in (pa.Table.from_pandas(frame, preserve_index=False), pl.from_pandas(frame)):
        same(client.transform(other), vae.transform(frame))


@pytest.mark.thorough
def test_samples_are_of_the_kind_that_the_model_was_fitted_to(frames, arrays):
    for vae, client in (frames, arrays):
        same(client.sample(3, random_state=0)[:0], vae.sample(3, random_state=0)[:0])
        same(client.sample(3, random_state=0), client.sample(3, random_state=0))
    codes, rows = arrays[1].traverse([0, 0], 1, -1, 1, 3)
    assert codes.tolist() == [[0, -1], [0, 0], [0, 1]]
    same(rows, arrays[0].inverse_transform(codes))
    codes, rows = frames[1].interpolate([0, 0], np.float32([1, 2]), 3)
    assert codes[-1].tolist() == [1, 2]
    same(rows, frames[0].inverse_transform(codes))


@pytest.mark.slow
def test_scores_and_p_values(arrays, rows):
    vae, client = arrays
    same(client.score_samples(rows), vae.score_samples(rows))
    same(client.p_values(rows), vae.p_values(rows))
    assert client.score(rows) == vae.score(rows)
    assert client.scores(rows)["method"].to_pylist() == ["refined"] * 20


@pytest.mark.slow
def test_scores_of_frames(frames, people):
    vae, client = frames
    frame = people(10, 19)
    same(client.score_samples(frame), vae.score_samples(frame))
    same(client.p_values(frame), vae.p_values(frame))
    scores = client.scores(frame)
    assert scores.index[0] == 1010
    assert (scores["standard_error"] < 0.1).all()


@pytest.mark.slow
def test_surprise(frames, arrays, people, rows):
    for (vae, client), x in ((frames, people(0, 2)), (arrays, rows[:2])):
        same(client.surprise(x), vae.surprise(x))
    assert (frames[1].surprise(people(0, 1))[:, [0, -1]] == 0).all()  # of names, and of a constant


@pytest.mark.slow
def test_holes_are_filled_as_the_estimator_fills_them(frames, arrays, people, rows):
    frame, array = people(0, 9), rows[:9].copy()
    frame["height"] = range(9)  # which the model has not
    frame.loc[1001, "color"] = None
    frame.loc[[1002, 1008], "mass"] = np.nan
    frame.loc[1003, "born"] = None
    array[2, 20:30] = np.nan
    for (vae, client), x in ((frames, frame), (arrays, array)):
        same(client.impute(x, mean=True), vae.impute(x, mean=True))
        same(client.impute(x), vae.impute(x))
        for found, expected in zip(client.impute(x, draws=3), vae.impute(x, draws=3), strict=True):
            same(found, expected)


@pytest.mark.slow
def test_rows_given_some_columns(frames):
    drawn = frames[1].sample(5, given={"color": "red", "born": pd.Timestamp("2004-05-01").date()})
    assert drawn["color"].eq("red").all()
    assert pd.to_datetime(drawn["born"]).eq(pd.Timestamp("2004-05-01")).all()


def test_a_refusal_is_an_error_with_its_place(frames, arrays, people, rows):
    frame = people(10, 30).astype({"color": object})
    frame.loc[1023, "color"] = "mauve"
    with pytest.raises(lb.DataError, match="expected one of blue, green, red, found 'mauve'") as found:
        frames[1].transform(frame)
    assert found.value.place == (13, "color")
    array = rows.copy()
    array[9, 3] = 77
    with pytest.raises(lb.DataError, match="77") as found:
        arrays[1].transform(array)
    assert found.value.place == (9, 3)
    with pytest.raises(ValueError, match=r"columns that the model has"):
        frames[1].transform(frame.drop(columns="mass"))
    with pytest.raises(lb.DataError):
        arrays[1].transform(rows[:0])


def test_a_token_is_needed_where_there_is_one(digits):
    with live(digits, access=Access(b"secret")) as url:
        with lb.serve.Client(url) as client, pytest.raises(PermissionError, match="token"):
            _ = client.card
        with lb.serve.Client(url, "secret") as client:
            assert client.card["latent_dim"] == 2
            assert "secret" not in repr(client)


def test_it_waits_for_a_service_that_starts_within_its_timeout(digits):
    with (
        live(None) as url,
        lb.serve.Client(url, timeout=1.2) as client,
        pytest.raises(TimeoutError, match="being compiled"),
    ):
        _ = client.card


def test_it_can_wait_for_a_service_that_was_just_started(digits):
    with live(digits) as url, lb.serve.Client(url) as client:
        assert client.wait(30).card["latent_dim"] == 2
    with lb.serve.Client(url) as client, pytest.raises(ConnectionError, match="no answer"):
        client.wait(0.3)


def test_where_nothing_answers_there_is_no_connection():
    with (
        lb.serve.Client("http://127.0.0.1:9", timeout=5) as client,
        pytest.raises(ConnectionError, match="no answer"),
    ):
        _ = client.card
    with pytest.raises(ValueError, match="url: expected one such as"):
        lb.serve.Client("127.0.0.1:9")


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, {}, PermissionError),
        (421, {}, PermissionError),
        (408, {}, TimeoutError),
        (503, {"code": "overloaded", "message": "later"}, TimeoutError),
        (500, {"code": "internal"}, ConnectionError),
        (502, {}, ConnectionError),
        (409, {"message": "no calibration rows"}, ValueError),
        (422, {"field": "rows[3][2]", "expected": "a number", "found": "null"}, lb.DataError),
        (422, {"field": "count", "expected": "at most 3", "found": "4"}, ValueError),
    ],
)
def test_refusals_have_pythons_types(status, error, kind):
    found = refusal("http://localhost", status, error)
    assert type(found) is kind
    assert "\n" not in str(found)
