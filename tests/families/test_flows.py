"""Normalising flows: one density, whichever way it is asked for, and nothing hidden in it."""

import copy
import pickle
import subprocess
import sys
from itertools import product

import equinox as eqx
import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest
from flowjax.bijections import MaskedAutoregressive
from scipy import stats

import lowerbound as lb
from lowerbound.distributions import bijections

from ..tables import cases

KINDS = (lb.AutoregressiveFlow, lb.MaskedAutoregressiveFlow, lb.CouplingFlow)
BY_NAME = {kind.__name__: kind for kind in KINDS}
every_flow = pytest.mark.parametrize("kind", cases(BY_NAME, fast=["AutoregressiveFlow"]))


def bent(kind, event_size=2, seed=0, by=0.3, **options):
    """A flow whose weights are far from the initial ones, which are close to the identity."""
    flow = kind(event_size, **{"width": 16, **options}, key=jax.random.key(seed))
    rng = np.random.default_rng(seed)
    arrays = tuple(a + by * rng.normal(size=a.shape).astype(np.float32) for a in flow.arrays)
    return eqx.tree_at(lambda flow: flow.arrays, flow, arrays)


def vectors(flow, n=None, seed=0):
    shape = (flow.size,) if n is None else (n, flow.size)
    return jnp.asarray(0.7 * np.random.default_rng(seed).normal(size=shape), float)


def keys(n):
    return jax.random.split(jax.random.key(5), n)


@pytest.mark.slow
@every_flow
def test_the_density_of_a_sample_is_that_of_its_value(kind):
    """The one pass against the inverse, at 200 samples, each of its own member."""
    for x64, dtype, tolerance in ((False, np.float32, 2e-3), (True, np.float64, 1e-8)):
        with jax.enable_x64(x64):
            flow = bent(kind, 5)

            def both(v, key, flow=flow):
                z, log_q = flow(v).sample_with_log_prob(key)
                return z, log_q, flow(v).log_prob(z), flow(v).sample(key)

            z, log_q, log_prob, sample = jax.jit(jax.vmap(both))(vectors(flow, 200), keys(200))
            assert z.dtype == log_q.dtype == log_prob.dtype == dtype
            np.testing.assert_allclose(log_q, log_prob, rtol=0, atol=tolerance)
            np.testing.assert_allclose(z, sample, rtol=0, atol=1e-4)


# A grid of cells in the plane, and the coarser ones that samples are counted in.
GRID, COARSE = 960, 24
EDGES = np.linspace(-8, 8, GRID + 1)


def masses(q):
    """The probability of each coarse cell, by the midpoint rule."""
    centres = (EDGES[1:] + EDGES[:-1]) / 2
    points = np.stack(np.meshgrid(centres, centres, indexing="ij"), -1).reshape(-1, 2)
    density = np.exp(np.asarray(q.log_prob(points), np.float64)) * (EDGES[1] - EDGES[0]) ** 2
    return density.reshape(COARSE, GRID // COARSE, COARSE, GRID // COARSE).sum(axis=(1, 3))


@pytest.mark.thorough
@pytest.mark.parametrize("kind", cases(BY_NAME, fast=["AutoregressiveFlow"], slow=["CouplingFlow"]))
def test_the_density_integrates_to_1_and_is_that_of_the_samples(kind):
    """The midpoint rule to 1e-3; and a χ² test of 50 000 samples in its cells, rarer ones together."""
    flow = bent(kind, seed=3, by=0.15)
    q = flow(vectors(flow, seed=1))
    expected = masses(q)
    assert expected.sum() == pytest.approx(1, abs=1e-3)
    n = 50_000
    z = np.asarray(q.sample(jax.random.key(1), (n,)))
    counts, _, _ = np.histogram2d(*z.T, bins=[EDGES[:: GRID // COARSE]] * 2)
    common = n * expected > 10
    assert common.sum() > 20
    observed = np.append(counts[common], n - counts[common].sum())
    predicted = n * np.append(expected[common], 1 - expected[common].sum())
    assert stats.chisquare(observed, predicted).pvalue > 1e-3


@pytest.mark.slow
@every_flow
def test_the_vector_of_zeros_is_close_to_the_standard_normal(kind):
    flow = kind(6, key=jax.random.key(0))
    z = lb.StandardNormal(6)().sample(jax.random.key(1), (100,))
    difference = flow(jnp.zeros(flow.size)).log_prob(z) - lb.StandardNormal(6)().log_prob(z)
    assert np.abs(difference).max() < 0.2


@pytest.mark.slow
@every_flow
def test_the_base_has_the_vectors_mean_and_variance_dimension_by_dimension(kind):
    """With weights of 0 the flow is the identity, the order of the dimensions too, and its estimate of the
    moments is exact."""
    flow = kind(5, layers=3, width=8, key=jax.random.key(0))
    flow = eqx.tree_at(lambda flow: flow.arrays, flow, tuple(map(jnp.zeros_like, flow.arrays)))
    v = vectors(flow)
    gaussian = lb.DiagonalGaussian(5)(v[:10])
    z = 0.5 * jax.random.normal(jax.random.key(1), (10, 5))
    np.testing.assert_allclose(flow(v).log_prob(z), gaussian.log_prob(z), rtol=1e-4)
    np.testing.assert_allclose(flow(v).mean, gaussian.mean, atol=1e-5)
    np.testing.assert_allclose(flow(v).variance, gaussian.variance, rtol=1e-2)


@pytest.mark.slow
@every_flow
def test_mean_and_variance_are_those_of_many_samples(kind):
    """To 4 standard errors of what the docstring says, and the same in float64."""
    flow = bent(kind, 3)
    q = flow(vectors(flow))
    z = q.sample(jax.random.key(0), (100_000,))
    assert (np.abs(q.mean - z.mean(axis=0)) < 4 * z.std(axis=0) / np.sqrt(128)).all()
    np.testing.assert_allclose(q.variance, z.var(axis=0), rtol=0.5)
    mean = np.asarray(q.mean)
    with jax.enable_x64(True):
        np.testing.assert_allclose(flow(vectors(flow)).mean, mean, atol=1e-4)


@pytest.mark.thorough
@every_flow
def test_the_context_alone_moves_samples_and_densities(kind):
    flow = bent(kind, 3, context_size=4)
    assert flow.size == 10
    v = vectors(flow)
    other = v.at[6:].add(1.0)
    z, log_q = flow(v).sample_with_log_prob(jax.random.key(0))
    z_other, log_q_other = flow(other).sample_with_log_prob(jax.random.key(0))
    assert np.abs(z - z_other).min() > 1e-3
    assert abs(log_q - log_q_other) > 1e-3
    assert abs(flow(v).log_prob(z) - flow(other).log_prob(z)) > 1e-3
    influence = jax.jacfwd(lambda v: flow(v).sample(jax.random.key(0)))(v)[:, 6:]
    assert (np.abs(influence).max(axis=0) > 1e-3).all()  # each number of the context


@pytest.mark.slow
@every_flow
def test_every_weight_that_no_mask_takes_out_is_reached_by_the_gradient(kind):
    flow = bent(kind, 4, depth=2)
    v, z = vectors(flow, 300), 2 * jax.random.normal(jax.random.key(0), (300, 4))
    gradient = jax.jit(jax.grad(lambda flow: jax.vmap(lambda v, z: flow(v).log_prob(z))(v, z).sum()))(flow)
    unreached = sum(int((array == 0).sum()) for array in gradient.arrays)
    masks = [
        leaf for leaf in jax.tree.leaves(flow.bijection) if eqx.is_array(leaf) and leaf.dtype == np.bool_
    ]
    assert unreached == sum(int((~mask).sum()) for mask in masks)
    assert (kind is lb.CouplingFlow) == (not masks)


@pytest.mark.slow
@every_flow
def test_the_score_is_the_gradient_of_the_log_density(kind):
    with jax.enable_x64(True):
        flow = bent(kind, 4)

        def both(v, key):
            z, log_q, score = flow(v).sample_with_score(key)
            of_value, expected = jax.value_and_grad(flow(v).log_prob)(z)
            return z, flow(v).sample(key), log_q, of_value, score, expected

        z, sample, log_q, of_value, score, expected = jax.jit(jax.vmap(both))(vectors(flow, 50), keys(50))
        np.testing.assert_allclose(z, sample, atol=1e-10)
        np.testing.assert_allclose(log_q, of_value, atol=1e-8)
        np.testing.assert_allclose(score, expected, rtol=1e-6, atol=1e-6)


def loops(jaxpr):
    """The lengths of all loops in a program; `None` for one without a known length."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("scan", "while"):
            yield equation.params.get("length")
        for inner in jax.extend.core.jaxprs_in_params(equation.params):
            yield from loops(inner)


@pytest.mark.slow
def test_no_direction_that_takes_one_pass_goes_through_the_dimensions(monkeypatch):
    inverse, forward = bent(lb.AutoregressiveFlow, 7), bent(lb.MaskedAutoregressiveFlow, 7)
    v = vectors(inverse)

    def lengths(function, x):
        return set(loops(jax.make_jaxpr(function)(x).jaxpr))

    assert lengths(lambda v: inverse(v).sample_with_log_prob(jax.random.key(0)), v) == {inverse.layers}
    assert lengths(lambda v: forward(v).log_prob(jnp.ones(7)), v) == {forward.layers}
    assert 7 in lengths(lambda v: inverse(v).log_prob(jnp.ones(7)), v)
    assert 7 in lengths(lambda v: forward(v).sample(jax.random.key(0)), v)

    def refused(*_):
        raise AssertionError("inverted")

    monkeypatch.setattr(MaskedAutoregressive, "inverse_and_log_det", refused)
    flow = bent(lb.AutoregressiveFlow, 7, width=11)  # of its own width: nothing is compiled yet
    v = vectors(flow)
    jax.eval_shape(lambda v: flow(v).sample_with_score(jax.random.key(0)), v)
    jax.eval_shape(jax.grad(lambda v: flow(v).sample_with_log_prob(jax.random.key(0))[1]), v)
    with pytest.raises(AssertionError, match="inverted"):
        jax.eval_shape(lambda v: flow(v).log_prob(jnp.ones(7)), v)


@pytest.mark.slow
@every_flow
def test_the_pathwise_gradient_is_that_of_common_random_numbers(kind):
    """∇_v of the mean of Σ tanh(z) over 100 draws, against central differences."""
    with jax.enable_x64(True):
        flow = bent(kind, 3)
        v, step = vectors(flow), 1e-5

        def value(v):
            z, _ = jax.vmap(flow(v).sample_with_log_prob)(keys(100))
            return jnp.tanh(z).sum(axis=-1).mean()

        steps = step * jnp.eye(flow.size)
        values = jax.jit(jax.vmap(value))
        differences = (values(v + steps) - values(v - steps)) / (2 * step)
        np.testing.assert_allclose(jax.grad(value)(v), differences, atol=1e-7)
    assert flow(v).has_rsample


@pytest.mark.slow
@every_flow
def test_the_log_density_along_a_path_is_the_integral_of_its_gradient(kind):
    """Across the ends of the splines' interval too, in every layer: a jump of the density would be missing
    from every pathwise gradient."""
    with jax.enable_x64(True):
        flow = bent(kind, 3, seed=2, by=0.1, **({"interval": 1.5} if kind is lb.CouplingFlow else {}))
        q, t = flow(vectors(flow)), np.linspace(-3, 3, 100_001)
        direction = jnp.array([1.0, -0.7, 0.9])
        log_q, gradient = jax.jit(jax.vmap(jax.value_and_grad(lambda t: q.log_prob_at(0.1 + t * direction))))(
            t
        )
        along = np.append(0, ((gradient[1:] + gradient[:-1]) / 2 * np.diff(t)).cumsum())
        np.testing.assert_allclose(log_q - log_q[0], along, atol=0.02)


@pytest.mark.slow
@every_flow
def test_a_row_under_vmap_is_the_row_alone(kind):
    flow = bent(kind, 3)
    V, z = vectors(flow, 4), jnp.ones(3)
    together = jax.jit(jax.vmap(lambda v: flow(v).log_prob(z)))(V)
    alone = jnp.stack([flow(v).log_prob(z) for v in V])
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    batch = jnp.stack([z, 2 * z])
    np.testing.assert_allclose(flow(V[0]).log_prob(batch)[0], alone[0], rtol=1e-5)
    assert flow(V[0]).sample(jax.random.key(0), (2, 5)).shape == (2, 5, 3)


@pytest.mark.slow
@every_flow
def test_all_is_finite_at_extreme_vectors(kind):
    """Where a network runs away to ±50, and its weights to 3 standard deviations of what they are."""
    flow = bent(kind, 3)
    flow = eqx.tree_at(lambda flow: flow.arrays, flow, tuple(10 * a for a in flow.arrays))
    V = jnp.array([[a] * 3 + [b] * 3 + [c] * 3 for a, b, c in product((-50.0, 0.0, 50.0), repeat=3)])
    Z = jnp.array([[0.0, 0.0, 0.0], [4.0, -4.0, 4.0], [1.0, -30.0, 0.5]])
    gradient = jax.value_and_grad(lambda v, z: flow(v).log_prob(z), argnums=(0, 1))

    def drawn(v, key):
        z, log_q = flow(v).sample_with_log_prob(key)
        return log_q + z.sum()

    found = (
        jax.jit(jax.vmap(jax.vmap(gradient, (None, 0)), (0, None)))(V, Z),
        jax.jit(jax.vmap(jax.value_and_grad(drawn)))(V, keys(len(V))),
        jax.jit(jax.vmap(lambda v, key: flow(v).sample_with_score(key)))(V, keys(len(V))),
    )
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))


@every_flow
def test_trained_are_the_weights_and_nothing_else(kind):
    flow = bent(kind, 3)
    trained = jax.tree.leaves(lb.trainable(flow))
    assert [id(leaf) for leaf in trained] == [id(array) for array in flow.arrays]
    assert len(jax.tree.leaves(flow)) == len(trained)
    assert len(jax.tree.leaves(lb.trainable(lb.Fixed(flow)))) == 0


@every_flow
def test_flows_of_the_same_numbers_are_one_program(kind):
    traces = []

    @eqx.filter_jit
    def log_prob(flow, v, z):
        traces.append(kind)
        return flow(v).log_prob(z)

    one, other = bent(kind, 3, seed=0), bent(kind, 3, seed=1)
    assert jax.tree.structure(one) == jax.tree.structure(other)
    values = {float(log_prob(flow, vectors(flow), jnp.ones(3))) for flow in (one, other, copy.deepcopy(one))}
    assert (len(values), len(traces)) == (2, 1)
    assert bijections.skeleton(one.architecture, "float32") is bijections.skeleton(
        other.architecture, "float32"
    )


@pytest.mark.slow
def test_what_is_kept_is_no_part_of_the_program_that_first_needed_it():
    """The structure is first looked up under jit, vmap and grad, with and without float64."""
    kind = lb.MaskedAutoregressiveFlow
    flow = bent(kind, 3, width=9)  # of its own width: nothing is compiled yet
    bijections.skeleton.cache_clear()
    v, z = vectors(flow), jnp.ones(3)
    with jax.checking_leaks():
        first = jax.jit(jax.vmap(jax.grad(lambda v: flow(v).log_prob(z))))(v[None])[0]
    again = jax.grad(lambda v: flow(v).log_prob(z))(v)
    np.testing.assert_allclose(first, again, rtol=1e-4, atol=1e-5)
    with jax.enable_x64(True):
        precise = jax.grad(lambda v: flow(v).log_prob(np.ones(3)))(jnp.asarray(np.asarray(v), np.float64))
        assert precise.dtype == np.float64
    np.testing.assert_allclose(first, precise, rtol=1e-3, atol=1e-4)
    made = jax.jit(lambda key: kind(3, width=16, key=key).arrays)(jax.random.key(0))
    for inside, outside in zip(made, kind(3, width=16, key=jax.random.key(0)).arrays, strict=True):
        np.testing.assert_allclose(inside, outside, rtol=1e-6)


@every_flow
def test_copies_and_pickles_are_the_flow(kind):
    flow = bent(kind, 3)
    for again in (copy.deepcopy(flow), pickle.loads(pickle.dumps(flow))):
        assert eqx.tree_equal(again, flow)
        assert again(vectors(flow)).log_prob(jnp.ones(3)) == flow(vectors(flow)).log_prob(jnp.ones(3))


READ = """
import sys, jax.numpy as jnp, numpy as np, lowerbound as lb
prior = lb.load(sys.argv[1])
print(np.asarray(prior().log_prob(jnp.linspace(-2, 2, 12).reshape(4, 3))).tobytes().hex())
"""


@pytest.mark.slow
@every_flow
def test_a_stored_prior_is_the_same_to_the_last_bit_in_a_new_process_too(kind, tmp_path):
    prior = lb.LearnedPrior(bent(kind, 3, context_size=0))
    prior = eqx.tree_at(lambda prior: prior.parameters, prior, vectors(prior.family))
    lb.save(prior, tmp_path)
    assert eqx.tree_equal(lb.load(tmp_path), prior)
    bits = np.asarray(prior().log_prob(jnp.linspace(-2, 2, 12).reshape(4, 3))).tobytes().hex()
    out = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == bits


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "prior_kind"),
    [(lb.AutoregressiveFlow, lb.MaskedAutoregressiveFlow), (lb.CouplingFlow, lb.CouplingFlow)],
)
def test_they_are_posterior_and_prior_of_a_model_that_learns(kind, prior_kind):
    latent, pixels = kind(3, width=8, key=jax.random.key(0)), lb.Bernoulli(6)
    model = lb.VAE(
        lb.LearnedPrior(prior_kind(3, width=8, context_size=0, key=jax.random.key(1))),
        lb.Conditional(lb.MLP(6, latent.size, width=8, key=jax.random.key(2)), latent),
        lb.Conditional(lb.MLP(3, pixels.size, width=8, key=jax.random.key(3)), pixels),
    )
    x = jnp.array([0.0, 1, 1, 0, 1, 0])
    gradient = eqx.filter_jit(eqx.filter_grad(lambda model: lb.ELBO()(model, x, jax.random.key(4))))(model)
    for part in (gradient.prior.family, gradient.posterior.family):
        assert all(np.abs(array).max() > 0 for array in part.arrays)
    assert lb.encode(model, np.asarray(x)[None]).shape == (1, 3)


@pytest.mark.slow
@pytest.mark.parametrize("context_size", [0, 2])
@pytest.mark.parametrize("kind", KINDS[:2], ids=lambda kind: kind.__name__)
def test_a_single_dimension_is_transformed_by_the_context_alone(kind, context_size):
    flow = bent(kind, 1, context_size=context_size)
    q = flow(vectors(flow))
    grid = np.linspace(-12, 12, 4001)[:, None]
    assert np.exp(q.log_prob(grid)).sum() * 24 / 4000 == pytest.approx(1, abs=1e-4)
    z, log_q = q.sample_with_log_prob(jax.random.key(0))
    assert q.log_prob(z) == pytest.approx(float(log_q), abs=1e-5)


def test_a_network_of_another_size_is_refused():
    flow = lb.AutoregressiveFlow(2, width=8, key=jax.random.key(0))
    with pytest.raises(ValueError, match=r"AutoregressiveFlow\(2\) is conditioned by a vector of 6, and"):
        lb.Conditional(lb.MLP(3, 4, key=jax.random.key(0)), flow)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (lb.AutoregressiveFlow, {"event_size": 0}, "AutoregressiveFlow: .* found 0"),
        (lb.MaskedAutoregressiveFlow, {"layers": 0}, r"MaskedAutoregressiveFlow\.layers: .* found 0"),
        (lb.AutoregressiveFlow, {"width": 1.5}, r"AutoregressiveFlow\.width: .* found 1.5"),
        (lb.CouplingFlow, {"depth": 0}, r"CouplingFlow\.depth: .* found 0"),
        (lb.AutoregressiveFlow, {"context_size": -1}, r"context_size: .* at least 0, found -1"),
        (lb.CouplingFlow, {"event_size": 1}, r"CouplingFlow: expected .* at least 2 dimensions"),
        (lb.CouplingFlow, {"knots": 0}, r"CouplingFlow\.knots: .* found 0"),
        (lb.CouplingFlow, {"interval": 0.0}, r"CouplingFlow\.interval: .* found 0.0"),
    ],
)
def test_numbers_that_make_no_flow_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**{"event_size": 2, **options}, key=jax.random.key(0))
