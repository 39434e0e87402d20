"""What is saved is what is loaded; nothing else is made from a file."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb
from lowerbound.archive.folder import MODEL
from lowerbound.archive.store import SCHEMA, read_file, write_file
from lowerbound.assembly import build
from lowerbound.baselines import save_baselines
from lowerbound.parts import names, part

BINARY = np.random.default_rng(0).integers(0, 2, (20, 5))
COUNTS = np.random.default_rng(0).integers(0, 9, (20, 5))
REAL = np.random.default_rng(0).normal(size=(20, 5))


@pytest.mark.parametrize(
    ("x", "options"),
    [
        (BINARY, {}),
        (COUNTS, {"likelihood": "categorical", "prior": "learned-prior"}),
        *(
            pytest.param(*case, marks=pytest.mark.thorough)
            for case in (
                (COUNTS, {"likelihood": "binomial", "posterior": "full-gaussian"}),
                (COUNTS, {}),
                (REAL, {}),
                (COUNTS.astype(np.uint8), {"binarize": "dynamic"}),
            )
        ),
    ],
)
def test_a_saved_model_gives_the_same_numbers(tmp_path, x, options):
    built = build(x, latent_dim=2, width=8, **options)
    lb.save(built.model, tmp_path)
    loaded = lb.load(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [MODEL]
    assert jax.tree.structure(loaded) == jax.tree.structure(built.model)
    before, after = (
        lb.log_evidence(model, x, method="importance", samples=5).log_prob for model in (built.model, loaded)
    )
    np.testing.assert_array_equal(before, after)


PART_EXAMPLES = {
    "a fixed scale": lambda: lb.DiagonalGaussian(2, scale=lb.FixedScale(0.5)),
    "a learned scale": lambda: lb.DiagonalGaussian(2, scale=lb.LearnedScale(2, initial=0.1)),
    "a learned prior": lambda: lb.LearnedPrior(lb.FullGaussian(3)),
    "a prior that follows": lambda: lb.AutoregressivePrior(3, components=2, width=6, key=jax.random.key(0)),
    "a fixed network": lambda: lb.Fixed(lb.MLP(2, 3, width=4, key=jax.random.key(0))),
    "a threshold": lambda: lb.Threshold(0.5),
    "a dequantisation": lambda: lb.Dequantization(16),
}


@pytest.mark.parametrize("make", PART_EXAMPLES.values(), ids=PART_EXAMPLES)
def test_parts_come_back_as_they_were(tmp_path, make):
    part = make()
    lb.save(part, tmp_path)
    assert eqx.tree_equal(lb.load(tmp_path), part)


def test_a_conditional_model_comes_back(tmp_path):
    z, x = lb.DiagonalGaussian(2), lb.Bernoulli(3)
    k1, k2 = jax.random.split(jax.random.key(0))
    model = lb.VAE(
        lb.StandardNormal(2),
        lb.Conditional(lb.MLP(4, z.size, width=4, key=k1), z, given=True),
        lb.Conditional(lb.MLP(3, x.size, width=4, key=k2), x, given=True),
    )
    lb.save(model, tmp_path)
    assert eqx.tree_equal(lb.load(tmp_path), model)


class Own(eqx.Module):
    """A network of a user's own."""

    W: jax.Array
    name: str = "own"

    def __call__(self, z):
        return z @ self.W


def own_model(seed):
    pixels = lb.Bernoulli(4)
    W = jax.random.normal(jax.random.key(seed), (2, 4))
    return lb.VAE(
        dist.Normal(0, 1).expand([2]).to_event(1),
        lambda x: dist.Normal(x[:2], 1.0).to_event(1),
        lb.Conditional(Own(W), pixels),
    )


def test_parts_of_ones_own_are_loaded_into_a_skeleton(tmp_path):
    lb.save(own_model(0), tmp_path)
    with pytest.raises(ValueError, match=r"lb.load\(path, like=model\)"):
        lb.load(tmp_path)
    loaded = lb.load(tmp_path, like=own_model(1))
    np.testing.assert_array_equal(loaded.likelihood.network.W, own_model(0).likelihood.network.W)
    with pytest.raises(ValueError, match="another structure"):
        lb.load(tmp_path, like=lb.LearnedPrior(lb.DiagonalGaussian(2)))
    wide = eqx.tree_at(lambda m: m.likelihood.network.W, own_model(1), jnp.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"of shape \(2, 4\), as saved, found \(3, 4\)"):
        lb.load(tmp_path, like=wide)


def test_a_model_is_not_written_over_unasked(tmp_path):
    prior = lb.LearnedPrior(lb.DiagonalGaussian(2))
    lb.save(prior, tmp_path)
    with pytest.raises(FileExistsError, match="already holds a model"):
        lb.save(prior, tmp_path)
    lb.save(prior, tmp_path, overwrite=True)


def edited(change):
    """The file again, of another structure."""

    def act(path):
        structure, arrays = read_file(path / MODEL, "model")
        change(structure)
        write_file(path / MODEL, "model", structure, arrays)

    return act


def rewritten(change):
    """The file with other bytes."""

    def act(path):
        (path / MODEL).write_bytes(change((path / MODEL).read_bytes()))

    return act


def set_part(name):
    return edited(lambda s: s["prior"].update(part=name))


OTHER_SCHEMA = f'"schema":"{SCHEMA}"'.encode(), b'"schema":"9"'


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (rewritten(lambda content: content[:-10]), "no model that can be read"),
        (rewritten(lambda content: content[:-1] + bytes([content[-1] ^ 1])), "not what was written"),
        (rewritten(lambda content: content.replace(b"prior", b"prios", 1)), "not what was written"),
        (
            rewritten(lambda content: content.replace(*OTHER_SCHEMA)),
            "expected the schema '3', found '9'; read",
        ),
        (rewritten(lambda _: b""), "no model that can be read"),
        (rewritten(lambda _: b"\x80\x04N."), "no model that can be read"),
        (set_part("os.system"), "unknown 'os.system'"),
        (set_part("standard-norm"), "the nearest is 'standard-normal'"),
        (edited(lambda s: s.pop("prior")), "expected the fields"),
        (edited(lambda s: s["prior"].update(event_size=3)), "no model"),
        (edited(lambda s: s.update(prior=7)), "no model"),
        (lambda path: (path / MODEL).unlink(), "found no model.safetensors"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, damage, message):
    lb.save(build(BINARY, latent_dim=2, width=8).model, tmp_path)
    damage(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        lb.load(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_baselines_is_no_model(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 2))
    save_baselines(lb.fit_baselines(x), tmp_path / MODEL)
    with pytest.raises(ValueError, match="expected a file of 'model', found 'baselines'"):
        lb.load(tmp_path)


def test_the_registry_is_closed_over_the_librarys_own_names():
    assert all(part(name).__module__.startswith("lowerbound.") for name in names("file"))


@pytest.mark.slow
def test_a_convolutional_model_is_built_trained_stored_and_read_again(tmp_path):
    x = np.random.default_rng(0).integers(0, 17, (40, 64)).astype(np.uint8)
    built = build(x, network="conv", image_shape=(8, 8), latent_dim=2, width=8)
    result = lb.fit(built.model, x, epochs=2, batch_size=20)
    lb.save(result.model, tmp_path)
    before, after = (
        lb.log_evidence(m, x, method="importance", samples=4).log_prob
        for m in (result.model, lb.load(tmp_path))
    )
    np.testing.assert_array_equal(before, after)
    with pytest.raises(ValueError, match="image_shape of 64 values in all; found none"):
        build(x, network="conv")


def test_a_prior_without_a_mean_is_read_again(tmp_path):
    """The mean of a Cauchy distribution is not a number: a model is looked over without one."""
    latent, pixels, key = lb.Cauchy(1), lb.Bernoulli(2), jax.random.key(0)
    model = lb.VAE(
        lb.StandardPrior(latent),
        lb.Conditional(lb.MLP(2, latent.size, width=2, key=key), latent),
        lb.Conditional(lb.MLP(1, pixels.size, width=2, key=key), pixels),
    )
    lb.save(model, tmp_path / "cauchy")
    assert lb.load(tmp_path / "cauchy").event().shape == (2,)
