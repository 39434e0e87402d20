"""Categories in order: cumulative logits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logit

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.data.schema import described
from lowerbound.families.fitted import Found

B = np.array([[-2.0, 0.5], [-1.9, 0.6], [3.0, 4.0]])


@pytest.mark.thorough
def test_with_a_scale_of_1_a_location_moves_all_odds_alike():
    """Proportional odds: P(x ≤ k)/P(x > k) falls by the factor e^h, whatever k."""
    family = lb.Ordinal(2, 4, thresholds=lb.Thresholds(B), scale=lb.FixedScale(1.0))
    assert family.size == 2
    h = np.array([0.7, -1.1])
    at_most = np.cumsum(family.level_probabilities(jnp.asarray(h)), axis=1)[:, :-1]
    np.testing.assert_allclose(logit(at_most), B.T - h[:, None], atol=1e-5)


@pytest.mark.thorough
def test_a_level_far_out_has_a_logarithm_and_a_gradient():
    """log P(x = 1) → −|h − b| + log(1 − e^{b₁ − b₂}) outwards, where a difference of sigmoids is 0."""
    family = lb.Ordinal(1, 4, thresholds=lb.Thresholds(B[:, :1]), scale=lb.FixedScale(1.0))
    between = np.log1p(-np.exp(B[0, 0] - B[1, 0]))
    of = jax.value_and_grad(lambda h: family(h).log_prob(jnp.ones(1)))
    for h, expected, slope in ((500.0, B[1, 0] - 500 + between, -1), (-500.0, -500 - B[0, 0] + between, 1)):
        value, gradient = of(jnp.array([h]))
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        np.testing.assert_allclose(gradient, [slope], rtol=1e-6)


@pytest.mark.thorough
def test_thresholds_stay_in_order_whatever_is_learned():
    thresholds = lb.Thresholds(B)
    np.testing.assert_allclose(thresholds.values, B, atol=1e-6)
    (far,) = jax.tree.leaves(thresholds)
    moved = jax.tree.map(lambda _: -20.0 * jnp.ones_like(far), thresholds)
    assert (np.asarray(moved.gaps) > 0).all()


@pytest.mark.thorough
@pytest.mark.parametrize("levels", [1, 2, 5])
def test_zeros_have_the_frequencies_of_the_columns(levels):
    """With half a row of each level, also of those that no row has."""
    x = np.random.default_rng(0).integers(0, max(levels - 1, 1), (40, 3)).astype(float)
    fitted = lb.Ordinal.fitted_to_levels(Found.of(x, missing=False), levels)
    assert fitted.start is None
    family = fitted.family
    expected = (np.stack([(x == k).sum(0) for k in range(levels)], 1) + 0.5) / (40 + levels / 2)
    np.testing.assert_allclose(family.level_probabilities(jnp.zeros(family.size)), expected, rtol=1e-4)
    assert family.taking_missing().thresholds is family.thresholds
    np.testing.assert_array_equal(family.cells(x).place, x)


def test_thresholds_that_are_none_are_refused():
    with pytest.raises(ValueError, match="expected finite numbers that increase"):
        lb.Thresholds([[0.0], [0.0]])
    with pytest.raises(ValueError, match=r"Ordinal\.thresholds: expected .* = \(2, 2\), found \(3, 2\)"):
        lb.Ordinal(2, 3, thresholds=lb.Thresholds(B))


@pytest.mark.thorough
def test_a_table_with_an_order_goes_through():
    """An answer in an order, with holes, beside a number: its levels are drawn and filled in their type."""
    pa = pytest.importorskip("pyarrow")
    rng, names = np.random.default_rng(1), ["never", "seldom", "often", "always"]
    codes = pa.array(np.where(rng.random(60) < 0.1, None, rng.integers(0, 3, 60)), pa.int8())
    answer = pa.DictionaryArray.from_arrays(codes, names, ordered=True)
    schema, rows = described(pa.table({"mood": rng.normal(size=60), "answer": answer}))
    built = build(rows, latent_dim=1, width=4)
    assert built.words == "columns of several kinds: FreeForm (1), Ordinal (1)"
    filled = schema.decode(lb.impute(built.model, rows, mean=True, samples=5))
    assert filled["answer"].null_count == 0
    assert set(filled["answer"].to_pylist()) <= set(names)
    assert filled["answer"].type.ordered
