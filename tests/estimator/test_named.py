"""An estimator takes rows by the name of their source, also those of which memory has no room."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

import lowerbound as lb
from lowerbound.data.mapped.memory import Memory

pytestmark = pytest.mark.thorough

OPTIONS = {"epochs": 1, "width": 8, "latent_dim": 2, "evidence_method": "importance", "evidence_samples": 4}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A pattern of two files, the table that they hold, and an estimator that was fitted to them from a file
    of encoded rows."""
    folder = tmp_path_factory.mktemp("named")
    random = np.random.default_rng(0)
    table = pa.table({name: random.integers(0, 2, 1500) for name in ("sweet", "sour")})
    for part in range(2):
        parquet.write_table(table.slice(750 * part, 750), folder / f"{part}.parquet")
    pattern, memory = str(folder / "*.parquet"), Memory.of(1, folder / "cache")
    vae = lb.VariationalAutoencoder(**OPTIONS, calibration=20, memory=memory, random_state=0)
    return pattern, table, vae.fit(pattern)


def test_rows_beyond_memory_are_fitted_and_scored_as_their_table_is(fitted):
    pattern, table, vae = fitted
    assert vae.feature_names_in_.tolist() == ["sweet", "sour"]
    assert len(vae.calibration_scores_) == 20
    assert len(vae.trained_on_.train) + len(vae.trained_on_.validation) == 1480
    np.testing.assert_array_equal(vae.score_samples(pattern), vae.score_samples(table))
    np.testing.assert_array_equal(vae.transform(pattern), vae.transform(table))
    assert vae.p_values(pattern).shape == (1500,)


def test_what_is_saved_says_nothing_of_the_machine_s_memory(fitted, tmp_path):
    _, table, vae = fitted
    vae.save(tmp_path / "vae")
    kept = lb.load(tmp_path / "vae")
    assert kept.memory is None
    np.testing.assert_array_equal(kept.transform(table), vae.transform(table))


def test_a_name_without_a_memory_is_the_table_that_it_names(fitted):
    pattern, table, vae = fitted
    known = lb.VariationalAutoencoder(**OPTIONS, random_state=0).fit(pattern)
    assert str(known.schema_) == str(vae.schema_)
    np.testing.assert_array_equal(known.score_samples(pattern), known.score_samples(table))


def test_a_panel_of_contaminated_rows_needs_them_in_memory(fitted):
    pattern, _, vae = fitted
    with pytest.raises(ValueError, match=r"contaminated: expected rows held in memory, found .* beyond it"):
        lb.VariationalAutoencoder(contaminated=True, memory=vae.memory).fit(pattern)
