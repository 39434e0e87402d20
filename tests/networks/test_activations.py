"""Activations by name and as functions: kept by name, stored, pickled."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.archive.folder import MODEL
from lowerbound.archive.store import read_file, write_file
from lowerbound.networks.activations import activation_named, name_of

KEY = jax.random.key(0)
FUNCTIONS = [jnp.tanh, jnp.sin, jnp.arctan, jax.nn.relu, jax.nn.swish, jax.nn.gelu, jax.nn.sigmoid]
NETWORKS = {
    "mlp": lambda activation: lb.MLP(16, 4, width=5, activation=activation, key=KEY),
    "encoder": lambda activation: lb.ConvEncoder((4, 4, 1), 3, channels=(2,), activation=activation, key=KEY),
    "decoder": lambda activation: lb.ConvDecoder(
        16, (4, 4, 1), channels=(2,), activation=activation, key=KEY
    ),
}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_function_and_its_name_are_one(function):
    x = jnp.array([-1.0, 0.5, 2.0])
    assert activation_named(name_of(function)) is function
    assert name_of(function.__name__) == name_of(function)
    mine, named = (lb.MLP(3, 2, width=4, activation=a, key=KEY) for a in (function, function.__name__))
    assert jax.tree.structure(mine) == jax.tree.structure(named)
    np.testing.assert_array_equal(mine(x), named(x))


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("function", [jnp.tanh, jax.nn.relu], ids=lambda f: f.__name__)
def test_a_network_with_a_function_is_stored_and_pickled(make, function, tmp_path):
    network = make(function)
    lb.save(network, tmp_path)
    for copy in (lb.load(tmp_path), pickle.loads(pickle.dumps(network))):
        np.testing.assert_array_equal(copy(jnp.ones(16)), network(jnp.ones(16)))


@pytest.mark.thorough
def test_an_estimator_with_a_function_is_saved(tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 3))
    quick = {"epochs": 1, "evidence_method": "importance", "evidence_samples": 5, "random_state": 0}
    vae = lb.VariationalAutoencoder(1, width=4, activation=jnp.tanh, **quick).fit(x)
    vae.save(tmp_path)
    np.testing.assert_array_equal(lb.load(tmp_path).transform(x), vae.transform(x))


NONE = [lambda x: x, jnp.sum, jnp.zeros, jnp.maximum, np.tanh, "sine", "initializers", "save", "_x", None, 3]


@pytest.mark.parametrize("activation", NONE, ids=range(len(NONE)))
def test_what_has_no_name_or_is_no_map_of_an_array_is_refused(activation):
    with pytest.raises(
        ValueError, match=r"MLP\.activation: expected a function of jax\.nn or jax\.numpy .*; found"
    ):
        lb.MLP(3, 2, activation=activation, key=KEY)


def test_a_file_cannot_name_another_function(tmp_path):
    lb.save(lb.MLP(3, 2, key=KEY), tmp_path)
    structure, arrays = read_file(tmp_path / MODEL, "model")
    structure["activation"] = "save"
    write_file(tmp_path / MODEL, "model", structure, arrays)
    with pytest.raises(ValueError, match=r"activation: expected a function .*found 'save'"):
        lb.load(tmp_path)(jnp.ones(3))
