"""One contract, held by every family: it is the distribution that SciPy knows by that name, its samples
follow it by either way of drawing them, and their gradients are those of the expectations.

What is looked at is in draws.py, and the families are in table.py: a new family is a row there.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

import lowerbound as lb
from lowerbound.distributions.support import measure, range_of
from lowerbound.families.family import Factorized, Family
from lowerbound.parts import names, part
from lowerbound.randomness.keys import as_key

from ..tables import cases
from . import draws
from .table import CASES, D, counts

# One of each kind of event: real numbers, numbers above 0, numbers from 0 to 1, codes, counts,
# grey values, and columns of several kinds.
FAST = (
    "DiagonalGaussian-Heteroscedastic",
    "Exponential",
    "LogitNormal",
    "Categorical",
    "Poisson",
    "DiscretizedLogistic",
    "MixedColumns",
)
# In the scope of the module, so that the tests of one family follow each other and share its programs.
every_family = pytest.mark.parametrize("case", cases(CASES, fast=FAST), scope="module")


def truth_of(case):
    if case.reference is None:
        pytest.skip(f"SciPy has no such distribution: see {case.proof}")
    return case.truth


@pytest.mark.thorough
def test_every_family_has_a_row():
    """But that whose event is a mask besides: test_masking.py."""
    families = {kind for kind in map(part, names("file")) if issubclass(kind, Family)} - {lb.SelfMasking}
    assert families - {type(draws.family(case)) for case in CASES.values()} == set()


@every_family
def test_size_is_the_length_of_the_parameter_vector(case):
    family = draws.family(case)
    assert (family.size, family.event_size) == (case.size, case.event)
    p = family(jnp.zeros(case.size))
    assert (p.batch_shape, p.event_shape) == ((), (case.event,))


@every_family
def test_log_prob_is_that_of_scipy_in_float32_and_in_float64(case):
    """Of 200 draws: to 1e-4, and to 1e-9 in float64, relative or absolute, whichever is more."""
    exact = truth_of(case).log_density(draws.exact(case))
    np.testing.assert_allclose(draws.scored(case)["own"].log_prob[:200], exact, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(draws.in_float64(case).log_prob[0], exact, rtol=1e-9, atol=1e-9)


@every_family
def test_the_vector_of_zeros_is_the_standard_member(case):
    """At 200 values, in float64, to 1e-9."""
    truth_of(case)
    exact = case.standard(draws.exact(case))
    np.testing.assert_allclose(draws.in_float64(case).log_prob[1], exact, rtol=1e-9, atol=1e-9)


@every_family
def test_density_integrates_to_1(case):
    """By the trapezium rule in float64, to 1e-6; to 1e-2 where the density jumps (Uniform's)."""
    if case.grid is None:
        truth_of(case)
    jumps = isinstance(draws.family(case), lb.Uniform)
    np.testing.assert_allclose(draws.in_float64(case).total, 1, atol=1e-2 if jumps else 1e-6)


@every_family
def test_single_draws_have_the_law_of_scipy(case):
    """Each coordinate of 20,000, each of a key of its own, by Kolmogorov and Smirnov, and by χ² where it is
    counted: p > 1e-4."""
    truth = truth_of(case)
    for law, drawn in zip(truth.laws, truth.coordinates(draws.drawn(case).z).T, strict=True):
        if counts(law):
            assert min(of_counts(law, drawn)) > 1e-4
        else:
            assert stats.kstest(drawn.astype(np.float64), law.cdf).pvalue > 1e-4


def of_counts(law, drawn):
    """p of the distribution function, as if of continuous numbers (of counts it is less); and p
    of how often each number was drawn, those that are expected less than 10 times as one."""
    numbers, n = np.arange(drawn.max() + 1), len(drawn)
    observed, expected = np.bincount(drawn.astype(int)), law.pmf(numbers) * n
    furthest = np.abs(observed.cumsum() / n - law.cdf(numbers)).max()
    rare = expected < 10
    observed, expected = np.append(observed[~rare], 0), np.append(expected[~rare], 0)
    observed[-1], expected[-1] = n - observed.sum(), n - expected.sum()
    if expected[-1] < 10:  # too few even so: with another
        observed, expected = (np.append(m[:-2], m[-2:].sum()) for m in (observed, expected))
    return stats.kstwobign.sf(furthest * np.sqrt(n)), stats.chisquare(observed, expected).pvalue


@every_family
def test_draws_of_many_have_the_moments_of_scipy(case):
    """Of 20,000 draws by one call: mean and variance of each coordinate, where their errors can be estimated,
    within 5 standard errors; and independent coordinates, as probabilities, uncorrelated within 5."""
    truth = truth_of(case)
    drawn = truth.coordinates(draws.stated(case).z.astype(np.float64))
    mean, variance = np.array([(law.mean(), law.var()) for law in truth.laws]).T
    for order, (values, expected) in enumerate([(drawn, mean), ((drawn - mean) ** 2, variance)], start=1):
        if order <= case.moments:
            standard_error = values.std(axis=0) / np.sqrt(len(values))
            assert (np.abs(values.mean(axis=0) - expected) < 5 * standard_error).all()
    probabilities = [law.cdf(column) for law, column in zip(truth.laws, drawn.T, strict=True)]
    if truth.independent and len(probabilities) > 1:
        correlations = np.corrcoef(probabilities)[np.triu_indices(len(probabilities), 1)]
        assert (np.abs(correlations) < 5 / np.sqrt(len(drawn))).all()


@every_family
def test_mean_and_variance_are_those_of_scipy(case):
    """To 1e-5; NaN where there is none. Of a relaxed code they are said to be those of the code."""
    truth, found = truth_of(case), draws.stated(case)
    if isinstance(draws.family(case), lb.Autoregressive):
        pytest.skip("sequences have no mean")
    np.testing.assert_allclose(found.mean, truth.mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.variance, truth.variance, rtol=1e-5, atol=1e-6)


@every_family
def test_the_point_is_the_mean_and_of_categories_the_most_probable_level(case):
    """As floats; of a Cauchy distribution, which has no mean, its centre."""
    family, found = draws.family(case), draws.stated(case)
    assert found.point.shape == (case.event,)
    assert found.point.dtype == np.float32
    assert np.isfinite(found.point).all()
    if isinstance(family, lb.Autoregressive):
        pytest.skip("its tokens hang together: test_autoregressive.py")
    if len(family.categories) == case.event:
        masses = [law.pmf(np.arange(family.levels)) for law in truth_of(case).laws]
        np.testing.assert_array_equal(found.point, np.argmax(masses, axis=1))
    elif isinstance(family, lb.Cauchy):
        np.testing.assert_array_equal(found.point, case.parameters[:D])
    elif found.mean is not None:
        np.testing.assert_array_equal(found.point, found.mean)


@every_family
def test_mean_gradient_along_the_path_is_that_of_quadrature(case):
    """∇_v E Σₖ σ(aₖ·z), every entry: 20,000 draws in float32 within 4 standard errors of central differences
    of the expectation under SciPy's laws."""
    has_path = draws.family(case)(jnp.asarray(case.parameters)).has_rsample
    expected = not (draws.is_discrete(case) if case.reference is None else any(map(counts, case.truth.laws)))
    assert has_path == expected
    if not has_path:
        pytest.skip("numbers that are counted have no path")
    truth_of(case)
    v, step = case.parameters.astype(np.float64), 1e-4
    expectation = lambda v: case.reference(v).expectation(expit)  # noqa: E731
    exact = [(expectation(v + e) - expectation(v - e)) / (2 * step) for e in step * np.eye(case.size)]
    gradients = draws.drawn(case).gradient.astype(np.float64)
    standard_error = gradients.std(axis=0) / np.sqrt(len(gradients))
    assert (standard_error > 0).all()
    assert (np.abs(gradients.mean(axis=0) - exact) < 4 * standard_error).all()


@every_family
def test_support_is_the_set_that_samples_lie_in(case):
    """At extreme parameters too."""
    family, found = draws.family(case), draws.drawn(case)
    assert family.support == family(jnp.asarray(case.parameters)).support
    for z in (found.z, found.extreme_z, draws.stated(case).z):
        assert np.isfinite(z).all()
        assert family.support(z).all()
    for event in draws.outside(case):
        assert not family.support(event)


@every_family
def test_measure_is_that_of_the_support(case):
    family = draws.family(case)
    expected = {
        lb.PowerSpherical: "Hausdorff",
        lb.MixedColumns: "mixed (counting for 1 column, Lebesgue for 2)",
    }.get(type(family), "counting" if draws.is_discrete(case) else "Lebesgue")
    assert measure(family.support) == expected


@every_family
def test_a_sample_comes_with_its_log_density(case):
    """In one pass and by its value, to 1e-4."""
    by_value = draws.scored(case)["own"].log_prob
    np.testing.assert_allclose(draws.drawn(case).log_q, by_value, rtol=1e-4, atol=1e-4)


@every_family
def test_log_density_and_gradients_are_finite_at_extreme_parameters(case):
    """Where a network runs away to ±10, to ±50 where events are counts, training must still come back: at own
    draws, along their path, and at the ends of a discrete support."""
    assert np.isfinite(draws.drawn(case).extreme_gradient).all()
    scored = draws.scored(case)
    for name in scored.keys() & {"own", "extreme", "corner"}:
        assert np.isfinite(scored[name].log_prob).all()
        assert np.isfinite(scored[name].gradient).all()


@every_family
def test_a_density_far_out_is_a_number_or_0(case):
    """Never NaN nor +∞ to float32's ends, whatever vector a network puts out there; up to ±10 its gradients
    are no NaN either, and outwards it falls."""
    far, events = draws.scored(case)["far"], np.concatenate(draws.tails(case))
    log_prob = far.log_prob.reshape(-1, len(events))
    assert not np.isnan(log_prob).any()
    assert (log_prob < np.inf).all()
    assert not np.isnan(far.gradient.reshape(*log_prob.shape, -1)[:7]).any()
    span = range_of(draws.family(case).support)
    if span is not None and np.isinf(span.high):
        # Of positive numbers the first tail alone; counts and numbers fall beyond every such mean.
        beyond = np.split(log_prob[:7], np.cumsum([len(tail) for tail in draws.tails(case)])[:-1], axis=1)
        for tail in beyond if np.isinf(span.low) else beyond[:1]:
            assert (np.diff(np.maximum(tail[:, -3:], -1e38)) <= 0).all()


@every_family
def test_a_draw_takes_a_key_as_the_library_makes_it(case):
    """And under vmap: not all of JAX's samplers take any kind. That such draws have the family's law is seen
    above: all are from such keys."""
    family, v, own = draws.family(case), jnp.asarray(case.parameters), as_key(5)
    of = [jax.eval_shape(lambda v, key: family(v).sample(key), v, key) for key in (own, jax.random.key(5))]
    assert of[0] == of[1]
    two = jax.vmap(lambda v, key: family(v).sample(key, (2,)), (None, 0))
    many = jax.eval_shape(two, v, jax.random.split(own, 3))
    assert many.shape == (3, 2, case.event)


@every_family
def test_a_compiled_row_is_the_row_alone(case):
    """Under jit and vmap and without either, to 1e-5."""
    family, x = draws.family(case), jnp.asarray(draws.drawn(case).z, jnp.float32)
    alone = [
        family(jnp.asarray(v)).log_prob(row) for v, row in zip(draws.others(case)[:2], x[:2], strict=True)
    ]
    np.testing.assert_allclose(draws.scored(case)["other"].log_prob[:2], alone, rtol=1e-5, atol=1e-5)


@every_family
def test_precision_is_that_of_the_parameters(case):
    """A density has it, and a sample that is no count."""
    single = draws.drawn(case)
    found = [(np.float32, single.z.dtype, single.log_q.dtype)]
    if case.reference is not None or case.grid is not None:  # flows are made again for float64: see theirs
        found.append((np.float64, *draws.in_float64(case).dtypes))
    for dtype, of_z, of_log_q in found:
        assert of_log_q == dtype
        assert draws.is_discrete(case) or of_z == dtype


@every_family
def test_a_number_that_is_missing_does_not_count(case):
    """log q is that of the numbers that were observed, to 1e-6, with a gradient in those alone."""
    plain = draws.family(case)
    if not isinstance(plain, Factorized):
        pytest.skip("dimensions that are not independent have no missing=True")
    (some, none), (of_v, *of_x), observed = draws.missing(case)
    np.testing.assert_allclose(some, observed, rtol=1e-6, atol=1e-6)
    assert none == 0
    assert np.isfinite(of_v).all()
    assert (of_v[0, 1::D] == 0).all()
    assert (of_v[0, ::D] != 0).any()
    assert (of_v[1] == 0).all()
    for gradient in of_x:
        assert np.isfinite(gradient).all()
        assert (gradient[0, 1:] == 0).all()
    marked, event = case.make(D, missing=True), np.append(draws.drawn(case).z[0, :-1], np.nan)
    assert marked.support(event)
    assert not plain.support(event)
    assert marked.support == marked(jnp.asarray(case.parameters)).support


@every_family
def test_divergence_from_the_standard_member_is_the_mean_log_ratio(case):
    """Where it has a closed form: within 4 standard errors of 20,000 draws."""
    closed, scored = draws.stated(case).divergence, draws.scored(case)
    if closed is None:
        pytest.skip("kl_divergence says that there is no closed form")
    log_ratio = (scored["own"].log_prob - scored["standard"].log_prob).astype(np.float64)
    assert abs(closed - log_ratio.mean()) < 4 * log_ratio.std() / np.sqrt(len(log_ratio)) + 1e-6


@every_family
def test_a_saved_family_is_loaded_bit_for_bit(case, tmp_path):
    """As a prior with the parameters of the table: one structure, and the same densities and gradients."""
    prior = lb.LearnedPrior(draws.family(case))
    prior = eqx.tree_at(lambda prior: prior.parameters, prior, jnp.asarray(case.parameters))
    lb.save(prior, tmp_path)
    # A bijection is code, which is not written to a file.
    loaded = lb.load(tmp_path, like=prior if isinstance(prior.family, lb.Transformed) else None)
    assert jax.tree.structure(loaded) == jax.tree.structure(prior)
    np.testing.assert_array_equal(loaded.parameters, prior.parameters)
    slices, V, X = draws.rows(case)
    log_prob, gradient = draws.scoring(case)(loaded.family, V, X)
    for name, found in draws.scored(case).items():
        np.testing.assert_array_equal(log_prob[slices[name]], found.log_prob)
        np.testing.assert_array_equal(gradient[slices[name]], found.gradient)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lb.DiagonalGaussian(0), "DiagonalGaussian: expected a whole number of at least 1, found 0"),
        (lambda: lb.FullGaussian(-1), "FullGaussian: .* found -1"),
        (lambda: lb.Bernoulli(1.5), "Bernoulli: .* found 1.5"),
        (lambda: lb.Bernoulli(True), "Bernoulli: .* found True"),
        (lambda: lb.Binomial(2, 0), r"Binomial\.trials: .* found 0"),
        (lambda: lb.BetaBinomial(2, 0), r"BetaBinomial\.trials: .* found 0"),
        (lambda: lb.Categorical(2, 0), r"Categorical\.levels: .* found 0"),
        (lambda: lb.FixedScale(0.0), "FixedScale: expected a positive scale, found 0.0"),
        (lambda: lb.LearnedScale(initial=-1.0), r"LearnedScale\.initial: expected a positive scale"),
    ],
)
def test_a_size_or_scale_that_is_none_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
