"""A mixture of any family by EM: no step lowers the objective; closed forms are met where there are any."""

from itertools import islice

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose, assert_array_equal

import lowerbound as lb
from lowerbound.baselines import fit_baselines, load_baselines, save_baselines
from lowerbound.baselines.families import FamilyMixture, expectation_maximization, fit_family
from lowerbound.models.transforms import Identity, Standardization

RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(np.where(RNG.random((200, 1)) < 0.5, 2.0, 15.0), (200, 2)).astype(float)
HALVES = np.eye(2)[np.arange(200) % 2]


def start(family, components=2, transform=Identity()):  # noqa: B008
    weights, parameters = np.full(components, 1 / components), np.zeros((components, family.size))
    return FamilyMixture(family, transform, weights, parameters, note="")


@pytest.mark.parametrize("family", [lb.Poisson(2), lb.NegativeBinomial(2)], ids=lambda f: type(f).__name__)
def test_no_step_lowers_the_objective(family):
    """To the rounding of a float32 sum over 200 rows of about −6 nats."""
    objectives = [o for _, o in islice(expectation_maximization(start(family), COUNTS, HALVES), 12)]
    assert (np.diff(objectives) > -2e-3).all()
    assert objectives[-1] > objectives[0] + 10


def test_the_rates_of_a_poisson_mixture_are_weighed_means():
    """The M-step's closed form, η_k = log Σ rᵢₖ xᵢ/Σ rᵢₖ, with a pseudo-row spread over all rows."""
    weighed = HALVES + 1 / 200
    expected = (weighed.T @ COUNTS) / weighed.sum(0)[:, None]
    mixture, _ = next(expectation_maximization(start(lb.Poisson(2)), COUNTS, HALVES))
    assert_allclose(np.exp(mixture.parameters), expected, rtol=1e-3)
    assert_allclose(mixture.weights, [0.5, 0.5])


def test_two_clusters_of_counts_are_found():
    """log p within 0.02 nats a row of that of the mixture that the rows are from, on other rows."""
    mixture = fit_family(COUNTS, 2, family=lb.Poisson(2), transform=Identity(), seed=0)
    x = np.random.default_rng(1).poisson([[2.0, 2.0], [15.0, 15.0]])
    log_p = [scipy.stats.poisson(rate).logpmf(x).sum(1) for rate in (2.0, 15.0)]
    assert_allclose(mixture.log_prob(x), np.logaddexp(*log_p) - np.log(2), atol=0.3)
    assert_allclose(sorted(np.exp(mixture.parameters[:, 0])), [2, 15], rtol=0.1)


def test_a_density_is_in_the_units_of_the_rows():
    """Behind a standardisation: the component's density times 1/scale, against SciPy's."""
    transform = Standardization(mean=np.array([100.0]), scale=np.array([10.0]))
    mixture = FamilyMixture(lb.Laplace(1), transform, np.ones(1), np.zeros((1, 2)), note="")
    scale = float(lb.Laplace(1)(np.zeros(2)).base_dist.scale[0]) * 10
    x = np.array([[90.0], [100.0], [130.0]])
    expected = scipy.stats.laplace(100, scale).logpdf(x[:, 0])
    assert_allclose(mixture.log_prob(x), expected, rtol=1e-5)


@pytest.mark.slow
def test_counts_without_an_end_have_baselines(tmp_path):
    """They are in one measure: the Gaussians through dequantisation, the family as it is."""
    baselines = fit_baselines(COUNTS, lb.NegativeBinomial(2))
    assert set(baselines) >= {"factor-analysis", "independent", "mixture"}
    assert baselines["mixture"].log_prob(COUNTS).mean() > baselines["independent"].log_prob(COUNTS).mean()
    save_baselines(baselines, tmp_path / "baselines")
    loaded = load_baselines(tmp_path / "baselines")
    for name, baseline in baselines.items():
        assert_array_equal(loaded[name].log_prob(COUNTS[:5]), baseline.log_prob(COUNTS[:5]))
