"""Every likelihood, posterior and prior by its name goes through every verb of the estimator: fit, score,
encode, reconstruct, sample, impute, save, load."""

import numpy as np
import pytest

import lowerbound as lb
from lowerbound.parts import names, part

from .parts import COLUMNS, DATA, LATENTS, OVER, ROWS, data_for, every_part

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.filterwarnings(
        "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::lowerbound.training.fit.TrainingWarning"
    ),
]


# One of several parts, one dimension after another, of codes, and a flow.
SOON = ("mixture-prior", "autoregressive-prior", "uniform-codes", "coupling-flow")


@every_part(soon=SOON)
def test_the_estimator_takes_it_through_every_verb(options, tmp_path):
    x = data_for(options)
    settings = {
        "width": 4,
        "depth": 1,
        "epochs": 1,
        "evidence_method": "importance",
        "evidence_samples": 2,
        "random_state": 0,
        **options,
    }
    vae = lb.VariationalAutoencoder(LATENTS, **settings).fit(x)
    vae.save(tmp_path)
    restored = lb.load(tmp_path)
    scores = vae.score_samples(x)
    assert scores.shape == (ROWS,)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(restored.score_samples(x), scores)
    codes = vae.transform(x)
    assert len(codes) == ROWS
    np.testing.assert_array_equal(restored.transform(x), codes)
    if options.get("posterior") == "cauchy":  # which has no mean, and so no codes to decode
        assert np.isnan(codes).all()
    else:
        assert np.isfinite(vae.reconstruct(x)).all()
    drawn = vae.sample(5)
    assert drawn.shape == (5, COLUMNS)
    assert vae.model_.likelihood.family.support(vae.model_.transform(drawn, None)).all()
    np.testing.assert_array_equal(restored.sample(5, random_state=1), vae.sample(5, random_state=1))
    assert set(vae.predict(x)) <= {-1, 1}


INDEPENDENT = [
    name for name in names("likelihood") if name != "auto" and part(name, "likelihood").independent
]


@pytest.mark.slow
@pytest.mark.parametrize("name", INDEPENDENT)
def test_the_estimator_imputes_what_was_not_observed(name):
    x = DATA[OVER[name]].astype(np.float64)
    holes = np.where(np.random.default_rng(1).random(x.shape) < 0.2, np.nan, x)
    vae = lb.VariationalAutoencoder(
        LATENTS,
        likelihood=name,
        missing=True,
        width=4,
        depth=1,
        epochs=1,
        evidence_method="importance",
        evidence_samples=2,
        random_state=0,
    ).fit(holes)
    filled = vae.impute(holes, samples=3)
    assert np.isfinite(filled).all()
    np.testing.assert_allclose(filled[~np.isnan(holes)], x[~np.isnan(holes)], rtol=1e-5)
    assert np.isfinite(vae.score_samples(holes)).all()
