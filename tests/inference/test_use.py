"""Codes, means and generated rows: each row by itself, whatever stands beside it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.data.chunks import in_chunks

LATENT, COUNTS = lb.DiagonalGaussian(2), lb.Binomial(3, 4)


@pytest.fixture(scope="module")
def model():
    k1, k2 = jax.random.split(jax.random.key(0))
    return lb.VAE(
        lb.StandardNormal(2),
        lb.Conditional(lb.MLP(3, LATENT.size, width=8, depth=1, key=k1), LATENT),
        lb.Conditional(lb.MLP(2, COUNTS.size, width=8, depth=1, key=k2), COUNTS),
    )


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).integers(5, size=(300, 3))


def doubled(constant, row):
    return {"twice": constant * row["x"], "sum": row["x"].sum()}


@pytest.mark.parametrize("chunk", [1, 4, 7, 10])
@pytest.mark.parametrize("n", [1, 7, 10])
def test_rows_come_out_of_chunks_in_order(n, chunk):
    x = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    out = in_chunks(doubled, jnp.asarray(2.0), {"x": x}, chunk=chunk)
    np.testing.assert_array_equal(out["twice"], 2 * x)
    np.testing.assert_array_equal(out["sum"], x.sum(axis=1))


class TestCodes:
    def test_are_posterior_means_without_noise(self, model, rows):
        codes = lb.encode(model, rows)
        assert isinstance(codes, np.ndarray)
        np.testing.assert_array_equal(lb.encode(model, rows, key=99), codes)
        np.testing.assert_allclose(codes[:3], [model.q_z(x).mean for x in rows[:3]], rtol=1e-5)

    @pytest.mark.parametrize("function", [lb.encode, lb.reconstruct])
    def test_of_a_subset_or_a_permutation_are_the_same_to_the_bit(self, model, rows, function):
        order = np.random.default_rng(1).permutation(len(rows))
        whole = function(model, rows)
        for index in (order, order[:1], order[:17]):
            np.testing.assert_array_equal(function(model, rows[index]), whole[index])

    def test_reconstructions_are_likelihood_means_at_posterior_means(self, model, rows):
        codes = lb.encode(model, rows)
        np.testing.assert_array_equal(lb.reconstruct(model, rows), lb.decode(model, codes))
        np.testing.assert_allclose(
            lb.decode(model, codes)[:3], [model.p_x(z).mean for z in codes[:3]], rtol=1e-5
        )

    def test_a_transform_is_undone_in_the_datas_own_units(self):
        """Mean 10, scale 2: the model sees (x − 10)/2, and x comes back from an identity model."""
        same = lb.DiagonalGaussian(2, scale=lb.FixedScale(1.0))
        T = lb.Standardization(mean=jnp.asarray([10.0, 0.0]), scale=jnp.asarray([2.0, 1.0]))
        identity = lb.VAE(lb.StandardNormal(2), *[lb.Conditional(lambda v: v, same)] * 2, transform=T)
        x = np.asarray([[14.0, 3.0]])
        np.testing.assert_allclose(lb.encode(identity, x), [[2.0, 3.0]])
        np.testing.assert_allclose(lb.reconstruct(identity, x), x)


class TestSample:
    def test_draws_observations_and_means_if_asked(self, model):
        x, means = lb.sample(model, 50, key=3), lb.sample(model, 50, key=3, mean=True)
        assert all(COUNTS.support(row) for row in x)
        assert not (means == np.round(means)).any()

    def test_observations_scatter_about_the_means_of_their_own_z(self, model):
        """E[x − E[x∣z]] = 0 and E[(x − E[x∣z])²] = E[nπ(1 − π)], within 5 standard errors."""
        x, means = (lb.sample(model, 5000, key=4, mean=mean) for mean in (False, True))
        noise = np.asarray(x - means, np.float64)
        for drawn in (noise, noise**2 - means * (1 - means / 4)):
            assert (np.abs(drawn.mean(axis=0)) < 5 * drawn.std(axis=0) / np.sqrt(len(drawn))).all()

    @pytest.mark.parametrize("mean", [False, True])
    def test_sample_j_depends_on_the_key_and_j_only(self, model, mean):
        few, many = (lb.sample(model, n, key=5, mean=mean) for n in (3, 300))
        np.testing.assert_array_equal(few, many[:3])
        assert not np.array_equal(few, lb.sample(model, 3, key=6, mean=mean))

    def test_a_condition_goes_with_its_row(self):
        """x∣z, y = N(y, 10⁻⁶): each row is its condition."""
        tight = lb.DiagonalGaussian(2, scale=lb.FixedScale(1e-3))
        model = lb.VAE(
            lb.StandardNormal(1),
            lb.Conditional(lambda x: x, lb.DiagonalGaussian(1)),
            lambda z, given: tight(given),
        )
        given = np.arange(8.0).reshape(4, 2)
        np.testing.assert_allclose(lb.sample(model, 4, key=0, given=given), given, atol=0.01)

    def test_a_condition_of_another_width_is_refused_by_name(self):
        """Two numbers where the likelihood's network was made for one; a longer one is not cut."""
        latent, pixels, key = lb.DiagonalGaussian(1), lb.Bernoulli(4), jax.random.key(0)
        model = lb.VAE(
            lb.StandardNormal(1),
            lb.Conditional(lb.MLP(4, latent.size, width=4, key=key), latent),
            lb.Conditional(lb.MLP(2, pixels.size, width=4, key=key), pixels, given=True),
        )
        assert lb.sample(model, 3, key=0, given=np.ones(3)).shape == (3, 4)
        for call in (
            lambda: lb.sample(model, 3, key=0, given=np.ones((3, 2))),
            lambda: lb.decode(model, np.zeros((3, 1)), given=np.ones((3, 2))),
        ):
            with pytest.raises(lb.DataError, match=r"the condition of .* expected one that"):
                call()

    def test_of_no_rows_is_refused(self, model):
        with pytest.raises(ValueError, match="sample: expected n of at least 1, found 0"):
            lb.sample(model, 0, key=0)
