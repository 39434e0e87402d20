"""The commands of examples/aevb run on a few made-up rows, and their Hamiltonian Monte Carlo is one."""

import importlib
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import qmc

import lowerbound as lb

EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "aevb"


@pytest.fixture(scope="module")
def figure():
    """A figure's module, by its number."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        yield lambda number: importlib.import_module(f"figure_{number}")


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """Noise in the place of both data sets, one folder for all results, a short curve and one
    rate, so that little is compiled."""
    folder, noise = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    digits = noise.integers(0, 256, (220, 28, 28), dtype=np.uint8)
    np.savez(folder / "mnist.npz", x_train=digits[:110], x_test=digits[110:])
    np.savez(folder / "frey_faces.npz", x=noise.integers(0, 256, (275, 28, 20), dtype=np.uint8))
    numbers = {
        "--folder": folder,
        "--out": folder / "out",
        "--rows": 1000,
        "--evaluated": 10,
        "--rates": 1e-3,
    }
    return [str(word) for option in numbers.items() for word in option]


def found(options, name):
    out = Path(options[options.index("--out") + 1])
    assert (out / f"{name}.png").stat().st_size > 1000
    return json.loads((out / f"{name}.json").read_text())


@pytest.mark.slow
def test_manifolds_curves_and_samples(figure, options, capsys):
    """Figures 4, 2 and 5 with two latents: a curve that one of them trained the others find again."""
    figure(4).main([*options, "--side", "3"])
    trained = capsys.readouterr().out
    assert trained.count("1,000 rows in") == 2
    figure(2).main([*options, "--data", "frey", "--latents", "2"])
    assert capsys.readouterr().out.count("1,000 rows in") == 1  # wake-sleep's
    figure(5).main([*options, "--latents", "2", "--side", "2"])
    assert "rows in" not in capsys.readouterr().out
    aevb, wake_sleep = found(options, "figure-2-frey")
    assert aevb == found(options, "figure-4-frey")
    assert (aevb["method"], wake_sleep["method"], aevb["n"]) == ("aevb", "wake-sleep", 110)
    assert all(np.isfinite(list(point.values())).all() for point in aevb["points"] + wake_sleep["points"])
    assert found(options, "figure-5") == [found(options, "figure-4-mnist")]


@pytest.mark.slow
def test_marginal_likelihoods(figure, options):
    """Figure 3 on 100 rows: three methods, none with an infinite estimate; all near 784 log 2 = 543 nats,
    since nothing can be learnt of noise in a thousand rows."""
    figure(3).main([*options, "--sizes", "100", "--log2-points", "10"])
    curves = found(options, "figure-3")
    assert [curve["method"] for curve in curves] == ["aevb", "wake-sleep", "mcem"]
    assert all(-700 < curve["points"][-1]["test"] < -500 for curve in curves)


def test_hamiltonian_monte_carlo_leaves_its_target_as_it_is(figure):
    """20,000 chains begun in N(μ, diag(σ²)): after 5 moves of a step that refuses some, the mean and the
    variance are what they were, within 4 standard errors; and the chains have moved."""
    mean, scale, n = jnp.array([1.0, -2.0]), jnp.array([1.0, 0.5]), 20_000
    start = mean + scale * jax.random.normal(jax.random.key(0), (n, 2))

    def log_joint(z):
        return -0.5 * (((z - mean) / scale) ** 2).sum()

    @jax.jit
    def chain(z, key):
        def move(carry, key):
            return figure(3).hmc(log_joint, carry, jnp.asarray(0.7), key)

        return jax.lax.scan(move, z, jax.random.split(key, 5))

    z, acceptance = jax.vmap(chain)(start, jax.random.split(jax.random.key(1), n))
    assert 0.5 < acceptance.mean() < 0.98
    assert (jnp.abs(z.mean(0) - mean) < 4 * scale / np.sqrt(n)).all()
    assert (jnp.abs(z.var(0) / scale**2 - 1) < 4 * np.sqrt(2 / n)).all()
    assert abs(np.corrcoef(start[:, 0], z[:, 0])[0, 1]) < 0.9


def test_the_integral_over_z_is_the_evidence(figure):
    """With 2¹⁴ points of the prior, and by importance sampling: within 4 standard errors of the latter."""
    latent, pixels, keys = lb.DiagonalGaussian(3), lb.Bernoulli(4), jax.random.split(jax.random.key(0))
    encoder = lb.MLP(4, latent.size, width=4, depth=1, key=keys[0])
    decoder = lb.MLP(3, 4, width=8, depth=1, key=keys[1])
    model = lb.VAE(lb.StandardNormal(3), lb.Conditional(encoder, latent), lb.Conditional(decoder, pixels))
    y = np.array([[0, 0, 1, 1], [1, 0, 1, 0]])
    z = ndtri(qmc.Sobol(3, seed=0).random_base2(14))
    log_p, effective = figure(3).quadrature(decoder, jnp.asarray(z, float), jnp.asarray(y, float))
    evidence = lb.log_evidence(model, y, method="importance", samples=5000)
    assert (abs(log_p - evidence.log_prob) < 4 * evidence.standard_error).all()
    assert ((effective > 1000) & (effective < 2**14)).all()


def test_a_batch_of_em_is_of_rows_and_an_epoch_sees_each_once(figure):
    batches = np.stack([figure(3).batch(1050, seed=0, number=i) for i in range(10)])
    assert len(np.unique(batches)) == 1000
    assert set(figure(3).batch(1050, seed=0, number=10)) != set(batches[0])


def test_data_that_are_absent_are_named_in_one_line(figure, tmp_path):
    with pytest.raises(SystemExit, match=r"frey_faces\.npz: no such file; name its folder by --folder or"):
        figure(2).main(["--data", "frey", "--folder", str(tmp_path)])
