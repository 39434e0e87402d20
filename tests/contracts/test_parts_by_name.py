"""Every likelihood, posterior and prior by its name goes through every verb, of the estimator and of the
command line: fit, score, encode, reconstruct, sample, impute, save, load."""

import jax
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.cli import main
from lowerbound.parts import BLOCKS, COUNTS, LEVELED, POSITIVE, REAL, TABLE, UNIT, names, part

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::lowerbound.training.fit.TrainingWarning"
)

ROWS, COLUMNS, LATENTS = 24, 4, 3
RNG = np.random.default_rng(0)
# Rows in the set that a likelihood is over.
DATA = {
    "": RNG.integers(0, 9, (ROWS, COLUMNS)),
    REAL: RNG.normal(5, 2, (ROWS, COLUMNS)),
    POSITIVE: RNG.lognormal(1, 1, (ROWS, COLUMNS)),
    UNIT: RNG.uniform(0.01, 0.99, (ROWS, COLUMNS)),
    "values in {0, 1}": RNG.integers(0, 2, (ROWS, COLUMNS)),
    LEVELED: RNG.integers(0, 9, (ROWS, COLUMNS)),
    COUNTS: RNG.negative_binomial(1, 0.1, (ROWS, COLUMNS)),
}
OVER = {row.name: row.over for row in TABLE if row.over and not row.called}
# What else a part asks for: a prior over the posterior's set, or a posterior over the prior's; a gradient
# that needs no path through z.
CODES = {"gradient": "vimco", "prior": "uniform-codes"}
BESIDE = {
    "bernoulli": CODES,
    "categorical": CODES,
    "uniform-codes": {"posterior": next(iter(names("posterior", over=BLOCKS)))},
    "uniform-sphere": {"posterior": next(iter(names("posterior", over="unit vectors")))},
}


def named(place, name):
    """The options that name a part in a place, and whatever it asks for."""
    options = {place: name, **(BESIDE.get(name, {}) if place != "likelihood" else {})}
    if place == "posterior" and OVER[name] != REAL:
        options.setdefault("prior", "standard-prior")
    return options


def data_for(options):
    return DATA[OVER.get(options.get("likelihood"), "")]


@pytest.fixture(autouse=True)
def _programs_of_one_part():
    """Those of all parts together exhaust a process's memory maps, and XLA ends in a segmentation fault."""
    yield
    jax.clear_caches()


def every_part(*fast):
    """Each name in each place; those that are not `fast` are slow."""
    cases = [(place, name) for place in ("likelihood", "posterior", "prior") for name in names(place)]
    return pytest.mark.parametrize(
        "options",
        [
            pytest.param(named(place, name), id=name, marks=[] if name in fast else [pytest.mark.slow])
            for place, name in cases
        ],
    )


@pytest.mark.thorough
@every_part("mixture-prior", "vamp-prior")
def test_the_estimator_takes_it_through_every_verb(options, tmp_path):
    x = data_for(options)
    settings = {"width": 4, "depth": 1, "epochs": 1, "evidence_samples": 2, "random_state": 0, **options}
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


@pytest.mark.thorough
@every_part("continuous-bernoulli", "concrete")
def test_the_command_line_takes_it_through_every_verb(options, tmp_path, capsys):
    x = data_for(options)
    np.save(tmp_path / "x.npy", x)
    data, run = str(tmp_path / "x.npy"), str(tmp_path / "run")
    said = [word for name, value in options.items() for word in (f"--{name}", value)]
    small = ["--latent-dim", str(LATENTS), "--width", "4", "--depth", "1", "--epochs", "1", "--samples", "2"]
    assert main(["fit", data, "--test", data, "--out", run, *said, *small, "--no-baselines"]) == 0
    scores = np.load(out_of(tmp_path, ["score", run, data, "--samples", "2"]))
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


INDEPENDENT = [
    name for name in names("likelihood") if name != "auto" and part(name, "likelihood").independent
]


@pytest.mark.slow
@pytest.mark.parametrize("name", INDEPENDENT)
def test_the_estimator_imputes_what_was_not_observed(name):
    x = DATA[OVER[name]].astype(np.float64)
    holes = np.where(np.random.default_rng(1).random(x.shape) < 0.2, np.nan, x)
    vae = lb.VariationalAutoencoder(
        LATENTS, likelihood=name, missing=True, width=4, depth=1, epochs=1, evidence_samples=2, random_state=0
    ).fit(holes)
    filled = vae.impute(holes, samples=3)
    assert np.isfinite(filled).all()
    np.testing.assert_allclose(filled[~np.isnan(holes)], x[~np.isnan(holes)], rtol=1e-5)
    assert np.isfinite(vae.score_samples(holes)).all()
