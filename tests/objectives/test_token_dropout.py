"""Token dropout: what is maximised is of masked tokens, and all that is said of the model is not."""

from itertools import product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.objectives.objective import DataPoint, Progress
from lowerbound.randomness.keys import RowKeys

from ..tables import cases

VOCABULARY, LENGTH, CONTEXT = 4, 3, 2
X = jnp.array([[1.0, 2, 3], [3, 0, 0], [2, 2, 0], [0, 0, 0]])


def gru(key):
    return lb.GRU(VOCABULARY, CONTEXT, width=6, key=key)


def window(key):
    return lb.CausalWindow(VOCABULARY, CONTEXT, window=2, width=6, key=key)


def transformer(key):
    return lb.CausalTransformer(VOCABULARY, CONTEXT, length=LENGTH, width=6, heads=2, key=key)


def model_of(make=gru, decoder=lambda z: z):
    """By default h = z."""
    k1, k2 = jax.random.split(jax.random.key(0))
    encoder = lb.OneHot(VOCABULARY, lb.MLP(LENGTH * VOCABULARY, 4, depth=0, key=k1))
    family = lb.Autoregressive(jax.tree.map(lambda a: 1.5 * a + 0.1, make(k2)), LENGTH)
    q, p = lb.Conditional(encoder, lb.DiagonalGaussian(2)), lb.Conditional(decoder, family)
    return lb.VAE(lb.StandardNormal(2), q, p)


def points(rows, seed=1):
    keys = jax.random.split(jax.random.key(seed), len(rows))
    return DataPoint(rows, jax.vmap(RowKeys.of)(keys))


@eqx.filter_jit
def of_batch(objective, model, rows=X):
    return objective.of_batch(model, points(rows), Progress(5), jnp.asarray(len(rows)))


@pytest.mark.parametrize("make", cases([gru, window, transformer], fast=[gru]))
def test_the_mean_over_masks_is_that_of_each_mask(make):
    """Of 4,000 copies of a row, of which z has no influence: E_m[log p_m(x)] within 4 standard errors of the
    sum over all masks of the tokens, each scored by the network with what it hides left out."""
    share, n, x = 0.3, 4000, X[0]
    h = jnp.array([0.5, -1.0])
    model = model_of(make, decoder=lambda z: h)
    network, tokens = model.likelihood.family.network, x.astype(int)

    def log_p(mask):
        log_p = jax.nn.log_softmax(network(jnp.where(mask, -1, tokens), h))
        return jnp.take_along_axis(log_p, tokens[:, None], 1).sum()

    masks = jnp.array([*product([False, True], repeat=LENGTH)])
    probable = jnp.prod(jnp.where(masks, share, 1 - share), 1)
    each = jax.vmap(log_p)(masks)
    mean, variance = probable @ each, probable @ each**2 - (probable @ each) ** 2
    value, terms = of_batch(lb.TokenDropout(share=share), model, jnp.tile(x, (n, 1)))
    assert variance > 0.01
    assert abs(value + terms["kl"] - mean) < 4 * np.sqrt(variance / n)
    np.testing.assert_allclose(terms["log_likelihood"], each[0], rtol=1e-5)


def test_terms_are_those_of_the_model_itself():
    """`bound` too, and only what is maximised is another number."""
    inner = lb.ELBO(samples=2, beta=0.5)
    value, terms = of_batch(inner, model_of())
    dropped, same = of_batch(lb.TokenDropout(inner, share=0.5), model_of())
    assert terms.keys() == same.keys()
    for name, term in terms.items():
        np.testing.assert_allclose(same[name], term, rtol=1e-6)
    assert abs(dropped - value) > 0.01


def test_a_share_of_0_is_the_objective_inside():
    inner = lb.IWAE(samples=3)
    expected, _ = of_batch(inner, model_of())
    np.testing.assert_allclose(
        of_batch(lb.TokenDropout(inner, share=0.0), model_of())[0], expected, rtol=1e-6
    )


def test_of_a_share_of_1_no_token_is_seen():
    """Each place is then independent of the others given z, whatever stands there."""
    h = jnp.array([0.5, -1.0])
    model = model_of(transformer, decoder=lambda z: h)
    unseen = jax.nn.log_softmax(model.likelihood.family.network(jnp.full(LENGTH, -1), h))
    value, terms = of_batch(lb.TokenDropout(share=1.0), model, X[:1])
    np.testing.assert_allclose(value + terms["kl"], sum(unseen[t, t + 1] for t in range(3)), rtol=1e-5)


def test_of_one_row_nothing_is_dropped():
    """The value that validation rows have, and that a call gives."""
    model, key = model_of(), jax.random.key(3)
    inner = lb.ELBO()
    assert lb.TokenDropout(inner, share=0.9)(model, X[0], key) == inner(model, X[0], key)


def test_the_share_may_be_a_schedule_of_the_step():
    scheduled = lb.TokenDropout(share=lambda step: step / 10)
    np.testing.assert_array_equal(
        of_batch(scheduled, model_of())[0], of_batch(lb.TokenDropout(share=0.5), model_of())[0]
    )


def test_other_columns_are_not_touched():
    """Of a row of a text and two numbers: what the numbers' parameters gain by is as without dropout."""
    text = lb.Autoregressive(gru(jax.random.key(0)), LENGTH)
    family = lb.MixedColumns([text, lb.DiagonalGaussian(2)])
    k1, k2 = jax.random.split(jax.random.key(1))
    q = lb.Conditional(lb.MLP(5, 4, depth=0, key=k1), lb.DiagonalGaussian(2))
    p = lb.Conditional(lb.MLP(2, family.size, depth=0, key=k2), family)
    model, rows = lb.VAE(lb.StandardNormal(2), q, p), jnp.concatenate([X, jnp.ones((4, 2))], 1)
    (plain, dropped) = (
        eqx.filter_grad(lambda m, o=objective: of_batch(o, m, rows)[0])(model).likelihood.network.biases[-1]
        for objective in (lb.ELBO(), lb.TokenDropout(share=1.0))
    )
    np.testing.assert_allclose(dropped[CONTEXT:], plain[CONTEXT:], rtol=1e-5)
    assert (np.abs(dropped[:CONTEXT] - plain[:CONTEXT]) > 1e-3).all()


@pytest.mark.thorough
def test_training_reports_the_models_own_bound(tmp_path):
    rows = np.asarray(X, np.uint8)[np.random.default_rng(0).integers(0, 4, 200)]
    objective = lb.TokenDropout(share=0.5)
    result = lb.fit(model_of(), rows, objective=objective, epochs=3, batch_size=50)
    last = result.history[-1]
    assert last["objective"] != last["bound"]
    assert last["validation_objective"] == last["validation_bound"]
    lb.save(objective, tmp_path)
    assert eqx.tree_equal(lb.load(tmp_path), objective)


def test_a_penalty_of_the_batch_stands_around_it():
    inside = lb.TotalCorrelation(lb.TokenDropout(share=0.5), weight=1.0)
    assert np.isfinite(of_batch(inside, model_of())[0])
    with pytest.raises(TypeError, match=r"found TotalCorrelation, .* take TotalCorrelation\(TokenDropout"):
        lb.TokenDropout(lb.TotalCorrelation(weight=1.0), share=0.5)


def test_what_has_no_tokens_is_refused():
    pixels, key = lb.Bernoulli(4), jax.random.key(0)
    q = lb.Conditional(lb.MLP(4, 4, depth=0, key=key), lb.DiagonalGaussian(2))
    p = lb.Conditional(lb.MLP(2, 4, depth=0, key=key), pixels)
    with pytest.raises(TypeError, match="expected a model with a likelihood of sequences"):
        of_batch(lb.TokenDropout(share=0.5), lb.VAE(lb.StandardNormal(2), q, p), jnp.ones((2, 4)))
    with pytest.raises(ValueError, match=r"TokenDropout\.share: .* found 1\.5"):
        lb.TokenDropout(share=1.5)
