"""Columns of different kinds in one row."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import constraints
from scipy import stats

import lowerbound as lb
from lowerbound.data.rows import check_support
from lowerbound.distributions.support import measure, range_of, same_support, words


def mixed(missing=False):
    """A table of a coin (column 3), a count (1), and two real numbers (0, 4) beside a category (2)."""
    return lb.MixedColumns(
        [
            lb.Bernoulli(1, missing=missing),
            lb.Poisson(1, missing=missing),
            lb.DiagonalGaussian(2, missing=missing),
            lb.Categorical(1, 3, missing=missing),
        ],
        columns=[[3], [1], [4, 0], [2]],
    )


SIZE = 1 + 1 + 4 + 3
V = np.random.default_rng(0).normal(size=SIZE).astype(np.float32)
X = np.array([[0.3, 4, 2, 1, -1.2], [-2.0, 0, 0, 0, 0.7]], np.float32)


def test_the_log_probability_is_the_sum_of_scipys():
    family = mixed()
    assert (family.event_size, family.size) == (5, SIZE)
    v, x = V.astype(np.float64), X.astype(np.float64)
    levels = np.exp(v[6:]) / np.exp(v[6:]).sum()
    expected = (
        stats.bernoulli(1 / (1 + np.exp(-v[0]))).logpmf(x[:, 3])
        + stats.poisson(np.exp(v[1])).logpmf(x[:, 1])
        + stats.norm(v[2], np.exp(v[4] / 2)).logpdf(x[:, 4])
        + stats.norm(v[3], np.exp(v[5] / 2)).logpdf(x[:, 0])
        + np.log(levels[x[:, 2].astype(int)])
    )
    np.testing.assert_allclose(family(jnp.asarray(V)).log_prob(X), expected, rtol=1e-5)


def test_samples_mean_and_variance_are_in_their_columns():
    """Means and variances of 20,000 samples within 5 standard errors."""
    p = mixed()(jnp.asarray(V))
    x = np.asarray(p.sample(jax.random.key(0), (20_000,)))
    assert x.shape == (20_000, 5)
    assert x.dtype == np.float32
    assert p.support(x).all()
    assert not p.has_rsample
    squares = (x - np.asarray(p.mean)) ** 2
    for drawn, stated in ((x, p.mean), (squares, p.variance)):
        standard_error = drawn.std(axis=0) / np.sqrt(len(drawn))
        assert (np.abs(drawn.mean(axis=0) - stated) < 5 * standard_error).all()


@pytest.mark.slow
def test_blocks_follow_one_another_by_default_and_may_hang_together():
    family = lb.MixedColumns([lb.FullGaussian(2), lb.Dirichlet(3)])
    assert family.columns == ((0, 1), (2, 3, 4))
    p = family(jnp.zeros(8))
    assert p.has_rsample
    assert (p.batch_shape, p.event_shape) == ((), (5,))
    x = p.sample(jax.random.key(0))
    log_prob = lb.FullGaussian(2)(jnp.zeros(5)).log_prob(x[:2]) + lb.Dirichlet(3)(jnp.zeros(3)).log_prob(
        x[2:]
    )
    assert float(p.log_prob(x)) == pytest.approx(float(log_prob), rel=1e-6)
    allowed = family.support.allowed(jnp.array([0.0, 0.0, 0.5, 0.5, 0.5]))
    assert allowed.tolist() == [True, True, False, False, False]


@pytest.mark.slow
def test_a_row_under_vmap_is_the_row_alone():
    family = mixed()
    vectors = jnp.asarray(np.random.default_rng(1).normal(size=(2, SIZE)), jnp.float32)
    log_prob = jax.vmap(lambda v, x: family(v).log_prob(x))
    alone = [family(v).log_prob(x) for v, x in zip(vectors, X, strict=True)]
    np.testing.assert_allclose(jax.jit(log_prob)(vectors, X), alone, rtol=1e-5)
    assert jax.vmap(lambda v: family(v).sample(jax.random.key(0)))(vectors).shape == (2, 5)
    means = jax.vmap(lambda d: d.mean)(jax.vmap(family)(vectors))  # as a pytree
    np.testing.assert_allclose(means[0], family(vectors[0]).mean, rtol=1e-6)


def test_the_support_says_which_column_is_wrong():
    support = mixed().support
    assert support == mixed()(jnp.asarray(V)).support
    assert support != lb.MixedColumns([lb.Bernoulli(5)]).support
    assert same_support(support, mixed().support)
    assert range_of(support) is None
    assert support(X).all()
    wrong = np.array([[0.3, 4.5, 2, 0.5, np.nan]])
    assert support.allowed(wrong).tolist() == [[True, False, True, False, False]]
    assert not support(wrong).any()


@pytest.mark.parametrize(
    ("families", "found"),
    [
        ([lb.Bernoulli(2), lb.Poisson(1)], "counting"),
        ([lb.DiagonalGaussian(2), lb.LogNormal(1)], "Lebesgue"),
        ([lb.DiagonalGaussian(2), lb.Poisson(1)], "mixed (counting for 1 column, Lebesgue for 2)"),
        ([lb.DiagonalGaussian(1), lb.Poisson(2)], "mixed (counting for 2 columns, Lebesgue for 1)"),
    ],
)
def test_the_measure_is_mixed_where_the_columns_are(families, found):
    assert measure(lb.MixedColumns(families).support) == found


def test_the_support_in_words():
    said = words(lb.MixedColumns([lb.Bernoulli(1), lb.DiagonalGaussian(2)]).support)
    assert said == "values in {0, 1} in 1 column and real numbers in 2 columns"


@pytest.mark.slow
def test_missing_values_are_left_out_in_every_column():
    family = mixed(missing=True)
    assert family.missing
    x = X.copy()
    x[0, [1, 3]], x[1, [0, 2]] = np.nan, np.nan
    value, gradient = jax.vmap(lambda x: jax.value_and_grad(lambda v: family(v).log_prob(x))(jnp.asarray(V)))(
        x
    )
    single = [
        lb.Categorical(1, 3)(V[6:]).log_prob(x[0, 2:3])
        + lb.DiagonalGaussian(2)(V[2:6]).log_prob(x[0, [4, 0]]),
        lb.Bernoulli(1)(V[:1]).log_prob(x[1, 3:4])
        + lb.Poisson(1)(V[1:2]).log_prob(x[1, 1:2])
        + lb.DiagonalGaussian(1)(V[[2, 4]]).log_prob(x[1, 4:]),
    ]
    np.testing.assert_allclose(value, single, rtol=1e-5)
    assert np.isfinite(gradient).all()
    assert (gradient[0, :2] == 0).all()
    assert (gradient[1, np.array([3, 5, 6, 7, 8])] == 0).all()
    assert family.support(x).all()
    check_support(x, family.support)


def test_where_some_columns_take_missing_values_the_others_refuse_them():
    """NaN in a column that takes none is told by its place, and makes no number, not even where NaN is made
    a whole number on the way."""
    family = lb.MixedColumns([lb.DiagonalGaussian(1, missing=True), lb.Categorical(1, 3)])
    assert family.missing
    assert not mixed().missing
    p = family(jnp.zeros(5))
    assert np.isfinite(p.log_prob(jnp.array([jnp.nan, 1.0])))
    assert np.isnan(p.log_prob(jnp.array([0.0, jnp.nan])))
    with pytest.raises(ValueError, match="from 0 to 2, found nan in row 1, column 1"):
        check_support(np.array([[np.nan, 1], [0, np.nan]]), family.support)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([],), ValueError, "expected at least one family, found none"),
        (([constraints.real],), TypeError, "expected families"),
        (([lb.Bernoulli(2)], [[0, 1], [2]]), ValueError, "columns of each of 1 families, found 2 blocks"),
        (([lb.Bernoulli(2)], [[0]]), ValueError, r"Bernoulli\(2\) needs as many columns, found \[0\]"),
        (([lb.Bernoulli(2)], [[0, 2]]), ValueError, "column 1 is in no block"),
        (([lb.Bernoulli(2)], [[1, 2]]), ValueError, "column 0 is in no block"),
        (([lb.Bernoulli(2)], [[0, 0]]), ValueError, "column 0 is in 2 blocks"),
        (([lb.Bernoulli(1), lb.Poisson(1)], [[1], [1]]), ValueError, "column 0 is in no block"),
        (([lb.Bernoulli(1)], [[-1]]), ValueError, "0 to 0; found column -1"),
    ],
)
def test_columns_that_are_not_each_in_one_block_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        lb.MixedColumns(*arguments)


@pytest.mark.slow
def test_a_model_of_mixed_columns_trains_saves_and_fills_in(tmp_path):
    """A coin tells the mean of a count and of a number: the model learns it from rows with holes."""
    rng = np.random.default_rng(0)
    coin = rng.integers(0, 2, 400)
    x = np.stack([coin, rng.poisson(1 + 9 * coin), rng.normal(4.0 * coin, 0.5)], 1).astype(np.float32)
    family = lb.MixedColumns(
        [
            lb.Bernoulli(1, missing=True),
            lb.NegativeBinomial(1, missing=True),
            lb.DiagonalGaussian(1, missing=True),
        ]
    )
    latent = lb.DiagonalGaussian(1)
    k1, k2 = jax.random.split(jax.random.key(0))
    model = lb.VAE(
        lb.StandardNormal(1),
        lb.Conditional(lb.MLP(3, latent.size, width=16, key=k1), latent),
        lb.Conditional(lb.MLP(1, family.size, width=16, key=k2), family),
    )
    result = lb.fit(model, x, epochs=60, learning_rate=0.01)
    lb.save(result.model, tmp_path)
    loaded = lb.load(tmp_path)
    evidence = lb.log_evidence(loaded, x, method="importance", samples=50)
    assert evidence.measure == "mixed (counting for 2 columns, Lebesgue for 1) measure"
    assert evidence.mean == lb.log_evidence(result.model, x, method="importance", samples=50).mean
    alone = -(np.log(2) + np.log(x[:, 2].std()) + 0.5 * np.log(2 * np.pi * np.e) + 2.5)  # independent columns
    assert evidence.mean > alone + 0.5
    holes = np.array([[1, np.nan, np.nan], [0, np.nan, np.nan]], np.float32)
    filled = lb.impute(loaded, holes, samples=500, mean=True)
    assert filled[0, 1] > 2 * filled[1, 1]
    assert filled[0, 2] > filled[1, 2] + 2
    half = x.copy()
    half[3, 0] = 0.5
    with pytest.raises(ValueError, match=r"values in \{0, 1\}, found 0.5 in row 3, column 0"):
        lb.log_evidence(loaded, half)


def test_the_point_of_a_row_is_that_of_each_column():
    """The most probable level of a category, whose mean says nothing, and the mean of numbers."""
    families = [lb.Categorical(1, 3), lb.DiagonalGaussian(1), lb.Poisson(1)]
    family = lb.MixedColumns(families, columns=[[2], [0], [1]])
    v = jnp.array([2.0, -9.0, 1.9, 0.5, 0.0, jnp.log(3.0)])
    np.testing.assert_allclose(family.point(v), [0.5, 3.0, 0.0], rtol=1e-6)
    assert 0.9 < float(family(v).mean[2]) < 1
