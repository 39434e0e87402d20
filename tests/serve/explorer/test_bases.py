"""Coordinates of the latent space."""

import numpy as np
import pytest

from lowerbound.serve.explorer.bases import bases_of


def draws(n, d, seed=0):
    scale = np.arange(d, 0, -1)
    return (np.random.default_rng(seed).normal(size=(n, d)) * scale + 1).astype(np.float32)


def test_principal_axes_come_first_and_give_codes_back():
    """z = origin + Σ cₖ axesₖ, the first with the most variance."""
    codes = draws(500, 4)
    bases = bases_of(codes, draws(500, 4, 1))
    assert [*bases] == ["principal", "latent"]
    basis = bases["principal"]
    coordinates = np.concatenate([basis.plane(codes, 0, 1), basis.plane(codes, 2, 3)], axis=1)
    np.testing.assert_allclose(basis.origin + coordinates @ basis.axes, codes, atol=1e-5)
    assert (np.diff(coordinates.var(axis=0)) < 0).all()
    np.testing.assert_allclose(basis.axes @ basis.axes.T, np.eye(4), atol=1e-12)


def test_the_latent_space_has_its_own_dimensions():
    codes = draws(100, 2)
    (basis,) = bases_of(codes, codes).values()
    np.testing.assert_array_equal(basis.plane(codes, 1, 0), codes[:, ::-1])
    assert basis.names == ("z₁", "z₂")


def test_ends_hold_most_codes_and_most_of_the_prior():
    codes, prior = draws(2000, 2), 9 * draws(2000, 2, 1)
    (basis,) = bases_of(codes, prior).values()
    for some in (codes, prior):
        inside = (some >= basis.ends[:, 0]) & (some <= basis.ends[:, 1])
        assert inside.mean() > 0.99


def test_one_dimension_is_shown_by_the_fraction_below():
    codes = np.array([[3.0], [1.0], [2.0]], np.float32)
    (basis,) = bases_of(codes, codes).values()
    np.testing.assert_allclose(basis.plane(codes, 0, 1), [[3, 5 / 6], [1, 1 / 6], [2, 1 / 2]], rtol=1e-6)
    assert basis.ends[1].tolist() == [0, 1]


@pytest.mark.parametrize("n", [0, 1])
def test_without_codes_the_prior_says_where_to_look(n):
    bases = bases_of(draws(n, 3), draws(100, 3))
    assert all(np.isfinite(basis.ends).all() for basis in bases.values())
