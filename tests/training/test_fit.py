"""`fit`: exact resume, one compilation, what stops it, and that it finds the maximum where that is known."""

import gc
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import equinox as eqx
import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import optax
import pytest
from sklearn.decomposition import PCA

import lowerbound as lb


def arrays(model):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(lb.trainable(model))]


def same(a, b):
    return all(np.array_equal(u, v) for u, v in zip(arrays(a), arrays(b), strict=True))


def stop_after(chunks):
    """A callback that stops at the given chunk."""
    seen = []

    def callback(record):
        seen.append(record)
        return len(seen) == chunks

    return callback


def test_a_run_is_a_function_of_its_key(model, rows):
    first, again, other = (lb.fit(model, rows, epochs=5, batch_size=32, key=k) for k in (1, 1, 2))
    assert same(first.model, again.model)
    assert not same(first.model, other.model)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "options", [{}, {"optimizer": lb.NAdam(averaging=0.9, clip_norm=1.0)}, {"validation": 0}]
)
def test_a_run_that_goes_on_ends_where_an_uninterrupted_one_does(model, rows, options):
    options = {"epochs": 12, "batch_size": 32, **options}
    whole = lb.fit(model, rows, **options)
    half = lb.fit(model, rows, **options, callbacks=[stop_after(2)])
    assert half.stopped == "callback"
    assert int(half.state.step) < int(whole.state.step)
    rest = lb.fit(model, rows, **options, resume=half.state)
    assert same(whole.model, rest.model)
    for a, b in zip(jax.tree.leaves(whole.state), jax.tree.leaves(rest.state), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.thorough
def test_a_rate_of_zero_is_a_rate(model, rows):
    """But for the last bit of the weights' running average."""
    stayed = lb.fit(model, rows, epochs=2, learning_rate=0.0).model
    for a, b in zip(arrays(stayed), arrays(model), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.slow
def test_every_chunk_has_a_step(model):
    """1,769 rows in batches of 100: epoch 500 ends at step 8,845, and the floating-point quotient of 8,845 by
    17.69 is less than 500."""
    x = np.random.default_rng(0).integers(0, 2, (1769, 6))
    result = lb.fit(model, x, epochs=501, batch_size=100, validation=0)
    assert (np.diff([0, *(record["step"] for record in result.history)]) > 0).all()


def test_the_model_that_was_handed_in_is_not_changed(model, rows):
    before = arrays(model)
    lb.fit(model, rows, epochs=2)
    assert all(np.array_equal(a, b) for a, b in zip(before, arrays(model), strict=True))


@pytest.fixture
def compilations():
    """The number of programs that XLA has compiled since."""
    count = []

    def listen(event, seconds, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            count.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield count
    jax.monitoring.unregister_event_duration_listener(listen)


def test_a_second_fit_of_the_same_shapes_compiles_nothing(model, rows, compilations):
    def fit_and_score(x, **options):
        result = lb.fit(model, x, batch_size=32, **options)
        lb.log_evidence(result.model, x[:50], method="importance", samples=40)
        lb.encode(result.model, x)

    fit_and_score(rows, epochs=3, objective=lb.ELBO(beta=2.0))
    assert compilations, "the listener hears nothing"
    compilations.clear()
    # Other numbers everywhere, and 290 rows in place of 300, which share a padded size.
    other = lb.NAdam(learning_rate=3e-3, warm_up=0.2, clip_norm=7.0)
    fit_and_score(rows[:290], epochs=7, optimizer=other, objective=lb.ELBO(beta=4.0), key=9)
    assert not compilations


@pytest.mark.thorough
def test_the_best_model_on_the_validation_rows_is_kept(model):
    noise = np.random.default_rng(0).integers(0, 2, (60, 6))  # nothing to learn: it must over-fit
    result = lb.fit(
        model, noise, epochs=1500, batch_size=30, learning_rate=1e-2, validation=0.5, patience=150
    )
    assert result.stopped == "patience"
    best = max(result.history, key=lambda record: record["validation_objective"])
    assert result.best_step == best["step"] < result.history[-1]["step"]
    epochs_since = (result.history[-1]["step"] - best["step"]) / 1  # a batch is an epoch here
    assert 150 < epochs_since <= 150 + 20 + 1
    assert len(result.train_rows) == len(result.validation_rows) == 30
    assert sorted([*result.train_rows, *result.validation_rows]) == list(range(60))


@pytest.mark.thorough
def test_a_term_that_is_not_finite_stops_training_and_keeps_the_best_model(model, rows):
    with pytest.warns(lb.TrainingWarning, match=r"at step \d+ .*(log_likelihood|kl).* is not finite.*try"):
        result = lb.fit(model, rows, epochs=50, optimizer=optax.sgd(1e30), batch_size=100)
    assert result.stopped == "not finite"
    assert int(result.state.step) <= 4
    assert all(np.isfinite(a).all() for a in arrays(result.model))


def test_control_c_gives_back_the_best_model(model, rows):
    handler = signal.getsignal(signal.SIGINT)

    def press(record):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.warns(lb.TrainingWarning, match="interrupted at step"):
        result = lb.fit(model, rows, epochs=1000, callbacks=[press])
    assert result.stopped == "interrupted"
    assert len(result.history) == 1
    assert not same(model, result.model)
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("answer", "stops"), [(np.True_, True), (1, True), (None, False), (np.False_, False)]
)
def test_a_callback_stops_training_by_the_truth_of_its_answer(model, rows, answer, stops):
    result = lb.fit(model, rows, epochs=4, batch_size=20, callbacks=[lambda record: answer])
    assert (result.stopped == "callback") == stops


@pytest.mark.thorough
def test_callbacks_get_every_record(model, rows):
    seen = []
    result = lb.fit(model, rows, epochs=40, batch_size=100, callbacks=[seen.append])
    assert seen == result.history
    assert seen[-1]["epoch"] == pytest.approx(40, abs=0.4)
    assert {"bound", "kl", "log_likelihood", "validation_bound", "examples_per_second"} <= set(seen[0])
    assert seen[0]["bound"] == pytest.approx(seen[0]["log_likelihood"] - seen[0]["kl"], abs=1e-4)


@pytest.mark.thorough
def test_the_history_is_in_the_units_of_x(rows):
    """In a thousandth of the unit a density of d columns is d log 1000 nats less, in every record. The
    decoder leaves z aside, since the noise of z follows from a row's content."""
    d, histories = rows.shape[1], []
    for unit in (1.0, 1000.0):
        latent, columns = lb.DiagonalGaussian(1), lb.DiagonalGaussian(d)
        model = lb.VAE(
            lb.StandardNormal(1),
            lb.Conditional(lb.MLP(d, latent.size, width=4, key=jax.random.key(0)), latent),
            lb.Conditional(lambda z: jnp.full(2 * d, 0.5), columns),
            lb.Standardization(mean=np.full(d, 0.5 * unit), scale=np.full(d, 0.5 * unit)),
        )
        histories.append(lb.fit(model, unit * rows, epochs=2).history)
    for record, other in zip(*histories, strict=True):
        for name in ("bound", "validation_bound"):
            assert record[name] - other[name] == pytest.approx(d * np.log(1000), abs=1e-3)


@pytest.mark.thorough
def test_programs_can_be_let_go(model, rows):
    client = jax.devices()[0].client
    lb.fit(model, rows, epochs=1)
    kept = len(client.live_executables())
    jax.clear_caches()
    gc.collect()
    assert len(client.live_executables()) < kept / 2


def test_a_fork_is_warned_of(model, rows):
    """A pool made by fork hangs in its children: the parent says so when it makes one."""
    lb.fit(model, rows, epochs=1)
    with pytest.warns(RuntimeWarning, match="os.fork"):
        child = os.fork() or os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.thorough
def test_a_prior_on_the_weights_adds_log_p_theta_over_n(model, rows):
    """MAP: the gradient of one full-batch step gains −θ/(s²N) in prior and likelihood, and nothing in φ."""
    n, scale = len(rows), 0.1
    options = {"epochs": 1, "batch_size": n, "validation": 0, "optimizer": optax.sgd(1.0)}
    free, pulled = (lb.fit(model, rows, **options, weight_prior=s).model for s in (None, scale))
    for name, expected in (("likelihood", -1 / (scale**2 * n)), ("posterior", 0.0)):
        parts = (lb.trainable(getattr(m, name)) for m in (model, free, pulled))
        for start, a, b in zip(*map(jax.tree.leaves, parts), strict=True):
            np.testing.assert_allclose(b - a, expected * start, atol=2e-6)


class LinearPosterior(eqx.Module):
    """q(z∣x) = N(Ax + b, Σ), Σ one for all x."""

    mean: lb.MLP
    covariance: jax.Array

    def __call__(self, x):
        return lb.FullGaussian(2)(jnp.concatenate([self.mean(x), self.covariance]))


@pytest.mark.slow
def test_the_maximum_of_probabilistic_pca_is_found():
    """A linear decoder with one scale is probabilistic PCA, whose maximum likelihood is known (Tipping &
    Bishop 1999); the bound reaches it, since the posterior's family holds the exact one."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 2)) @ rng.normal(size=(2, 5)) * 2 + rng.normal(size=(2000, 5)) * 0.7
    x = (x - x.mean(0)).astype(np.float32)
    exact = PCA(2).fit(x).score(x)
    k1, k2 = jax.random.split(jax.random.key(0))
    p = lb.DiagonalGaussian(5, scale=lb.LearnedScale())
    model = lb.VAE(
        lb.StandardNormal(2),
        LinearPosterior(lb.MLP(5, 2, depth=0, key=k1), jnp.zeros(3)),
        lb.Conditional(lb.MLP(2, p.size, depth=0, key=k2), p),
    )
    result = lb.fit(model, x, epochs=150, batch_size=200, learning_rate=2e-2, validation=0)
    evidence = lb.log_evidence(result.model, x, method="importance", samples=50)
    assert evidence.mean == pytest.approx(exact, abs=0.01)
    assert evidence.mean - evidence.elbo.mean() < 0.02
    scale = float(jnp.exp(0.5 * result.model.likelihood.family.scale.log_variance))
    assert scale == pytest.approx(np.sqrt(PCA(2).fit(x).noise_variance_), rel=0.02)


@pytest.mark.thorough
def test_a_conditional_model_learns_from_its_condition(rows):
    """log p(x∣y) of a model that is told the bit behind each row is above that of one that is told noise."""
    z, p = lb.DiagonalGaussian(1), lb.Bernoulli(6)
    k1, k2 = jax.random.split(jax.random.key(0))
    model = lb.VAE(
        lb.StandardNormal(1),
        lb.Conditional(lb.MLP(7, z.size, width=16, key=k1), z, given=True),
        lb.Conditional(lb.MLP(2, p.size, width=16, key=k2), p, given=True),
    )
    bit = rows[:, :3].mean(1) > 0.5

    def kl(given):
        result = lb.fit(model, rows, given=given, epochs=100, batch_size=50, validation=0, learning_rate=5e-3)
        return result.history[-1]["kl"]

    shuffled = np.random.default_rng(0).permutation(bit)
    assert kl(bit) < 0.3 < kl(shuffled)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": np.full((4, 6), np.nan)}, ValueError, "found nan in row 0, column 0"),
        ({"x": np.ones((4, 5))}, ValueError, "expected rows of 6 values.*found 5"),
        (
            {"x": np.full((4, 6), 0.3)},
            ValueError,
            r"values in \{0, 1\}, found 0.3 in row 0, column 0; binarise",
        ),
        ({"x": np.array([["a"] * 6])}, TypeError, "row 0, column 0"),
        ({"x": np.ones((4, 2, 3))}, ValueError, r"flatten images with x.reshape"),
        ({"x": np.ones((0, 6))}, ValueError, "at least one row"),
        ({"model": None}, TypeError, r"model: expected a model, such as lb\.VAE.*found None"),
        ({"objective": "elbo"}, TypeError, r"objective: expected an objective, such as lb\.ELBO\(\), found"),
        ({"epochs": -1}, ValueError, "epochs: expected a number above 0, or None, found -1"),
        ({"epochs": "3"}, TypeError, "epochs: expected a number above 0, or None, found '3'"),
        ({"batch_size": 0}, ValueError, "batch_size: expected a whole number above 0, found 0"),
        ({"batch_size": 2.5}, TypeError, r"batch_size: expected a whole number, found 2\.5"),
        (
            {"learning_rate": -1.0},
            ValueError,
            r"NAdam\.learning_rate: expected a number, at least 0, found -1",
        ),
        ({"optimizer": "adam"}, TypeError, r"optimizer: expected lb\.NAdam\(…\) or an Optax .* found 'adam'"),
        ({"weight_prior": 0.0}, ValueError, r"weight_prior: expected a scale above 0, or None, found 0\.0"),
        ({"patience": 0}, ValueError, "patience: expected a number of epochs above 0, or None, found 0"),
        (
            {"validation": 1.5},
            ValueError,
            r"validation: expected a share of the rows in \[0, 1\).*found 1\.5",
        ),
        ({"validation": None}, TypeError, "validation: expected a share .* found None; 0 is for none"),
        ({"validation": (1, 2, 3)}, ValueError, "found a tuple of 3"),
        ({"validation": 0.999}, ValueError, "leaves none to train on"),
        (
            {"callbacks": print},
            TypeError,
            "callbacks: expected a list of functions of a record, found <built-in",
        ),
        ({"callbacks": [3]}, TypeError, "callbacks: expected a list of functions of a record, found 3 among"),
        ({"devices": 1.0}, TypeError, r"devices: expected a whole number, found 1\.0"),
        ({"resume": 1}, TypeError, "resume: expected True, or the state of a result"),
        ({"validation": np.ones((3, 5))}, ValueError, "validation: expected rows of 6 values"),
        ({"learning_rate": 1e-3, "optimizer": optax.adam(1e-3)}, ValueError, "found both"),
        ({"precision": "float16"}, ValueError, "precision: expected None .* found 'float16'"),
        ({"given": np.ones(4)}, ValueError, "no part uses"),
        ({"devices": 99}, ValueError, "devices: expected 1 to"),
    ],
)
def test_a_wrong_call_says_what_was_expected(model, rows, change, error, message):
    rows = rows[:4] if "given" in change else rows
    options = {"model": model, "x": rows, "validation": 0, **change}
    with pytest.raises(error, match=message):
        lb.fit(**options)


@pytest.mark.thorough
def test_patience_without_validation_rows_is_said_to_end_nothing(model, rows):
    with pytest.warns(
        lb.TrainingWarning, match=r"patience=5 ends nothing, since there are no validation rows"
    ):
        lb.fit(model, rows, epochs=1, validation=0, patience=5)
    lb.fit(model, rows, epochs=1, validation=0)  # where nothing is said, nothing is warned of


def test_a_look_at_every_quarter_of_an_epoch_is_a_record_and_changes_no_step(model, rows):
    once = lb.fit(model, rows, epochs=4, batch_size=8, validation=0)
    often = lb.fit(model, rows, epochs=4, batch_size=8, validation=0, patience=lb.Patience(look_every=0.25))
    assert [round(4 * record["epoch"]) for record in often.history] == [*range(1, 17)]
    assert eqx.tree_equal(often.state.parameters, once.state.parameters)


def test_patience_is_of_numbers_above_0():
    with pytest.raises(
        ValueError, match="look_every: expected a number of epochs above 0, or None, found -1"
    ):
        lb.Patience(look_every=-1)
    with pytest.raises(
        TypeError, match="minutes: expected a number of minutes above 0, or None, found 'ten'"
    ):
        lb.Patience(minutes="ten")


def test_minutes_end_training_at_the_first_look_after_them(model, rows):
    """Those of a run that goes on count with those before; it ends where it would have without a stop."""
    short = lb.Patience(minutes=1e-9)
    ended = lb.fit(model, rows, epochs=40, batch_size=8, validation=0, patience=short)
    assert ended.stopped == "minutes"
    assert len(ended.history) == 1
    again = lb.fit(model, rows, epochs=40, batch_size=8, validation=0, resume=ended.state, patience=short)
    assert again.stopped == "minutes"
    whole = lb.fit(model, rows, epochs=40, batch_size=8, validation=0, patience=lb.Patience(minutes=60))
    assert whole.stopped == "epochs"
    on = lb.fit(model, rows, epochs=40, batch_size=8, validation=0, resume=again.state)
    assert eqx.tree_equal(on.state.parameters, whole.state.parameters)


def test_nothing_to_train_and_shared_arrays_are_refused(model, rows):
    frozen = lb.VAE(model.prior, lb.Fixed(model.posterior), lb.Fixed(model.likelihood))
    with pytest.raises(ValueError, match="nothing to train"):
        lb.fit(frozen, rows)
    head = lb.MLP(2, 6, key=jax.random.key(0))
    tied = eqx.tree_at(lambda m: m.weights, head, tuple(jnp.eye(2, 2) for _ in head.weights))
    shared = jnp.zeros(2)
    tied = {"a": shared, "b": shared}
    twice = lb.VAE(model.prior, lambda x: dist.Normal(0, 1).expand([2]).to_event(1), Twice(tied))
    with pytest.raises(ValueError, match="two places of the model"):
        lb.fit(twice, rows)


class Twice(eqx.Module):
    arrays: dict

    def __call__(self, z):
        logits = jnp.concatenate([self.arrays["a"], self.arrays["b"], z])
        return dist.Bernoulli(logits=logits).to_event(1)


@pytest.mark.thorough
def test_a_bare_distribution_is_not_trained(rows):
    model = lb.VAE(
        prior=dist.Normal(jnp.array([1.0, -1.0]), 1.0).to_event(1),
        posterior=lb.Conditional(lb.MLP(6, 4, key=jax.random.key(0)), lb.DiagonalGaussian(2)),
        likelihood=lambda z: dist.Bernoulli(logits=jnp.tile(z, 3)).to_event(1),
    )
    result = lb.fit(model, rows, epochs=2)
    assert result.model.p_z().mean.tolist() == [1.0, -1.0]
    assert not same(model, result.model)


SHARDED = """
import sys; sys.path.insert(0, {folder!r})
import jax, numpy as np, lowerbound as lb
from conftest import small_model
assert jax.local_device_count() == {count}
x = np.random.default_rng(0).integers(0, 2, (200, 6))
result = lb.fit(small_model(), x, epochs=4, batch_size=40)
print([round(float(r["bound"]), 4) for r in result.history], len(result.state.step.devices()))
"""


@pytest.mark.slow
def test_all_local_devices_share_a_batch_and_the_numbers_stay():
    def run(count):
        code = SHARDED.format(folder=str(Path(__file__).parent), count=count)
        flags = f"--xla_force_host_platform_device_count={count}"
        out = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        bounds, devices = out.rsplit(" ", 1)
        return eval(bounds, {}), int(devices)

    (one, _), (two, devices) = run(1), run(2)
    assert devices == 2
    np.testing.assert_allclose(one, two, atol=2e-4)


def test_nothing_changes_configuration_or_global_randomness(model, rows):
    before, state = dict(jax.config.values), np.random.get_state()[1].copy()
    with warnings.catch_warnings():
        lb.fit(model, rows, epochs=1)
        lb.log_evidence(model, rows[:5], method="importance", samples=10)
    assert dict(jax.config.values) == before
    assert (np.random.get_state()[1] == state).all()
