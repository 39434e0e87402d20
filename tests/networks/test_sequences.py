"""What reads a sequence of tokens: its formula, and that what is behind the end has no influence."""

from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, softmax

import lowerbound as lb

VOCABULARY, LENGTH, OUT = 5, 7, 3
KEY = jax.random.key(0)
ROWS = np.array([[1, 4, 2, 2, 0, 0, 0], [3, 0, 0, 0, 0, 0, 0], [0] * 7, [1, 2, 3, 4, 3, 2, 1]], float)


def conv(length=LENGTH):
    return lb.SequenceConv(VOCABULARY, length, OUT, channels=(4, 5, 6), kernel=3, width=8, key=KEY)


def gru(length=LENGTH):
    return lb.SequenceGRU(VOCABULARY, length, OUT, width=4, key=KEY)


def forwards(length=LENGTH):
    return lb.SequenceGRU(VOCABULARY, length, OUT, width=4, both=False, key=KEY)


def attention(length=LENGTH):
    return lb.SequenceAttention(VOCABULARY, length, OUT, width=4, depth=2, heads=2, queries=2, key=KEY)


every = pytest.mark.parametrize("make", [conv, gru, forwards, attention])


def numbered(network):
    """The network with weights that are no special numbers, biases too."""
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), float), network)


def codes(network, rows=ROWS):
    return jax.jit(jax.vmap(lambda x: network(x)))(jnp.asarray(rows))


def lengthened(network, longer):
    """`longer` with the weights of `network`, and 9 for what it has more of."""
    new, structure = jax.tree.flatten(longer)
    pairs = zip(new, jax.tree.leaves(network), strict=True)
    leaves = [jnp.full_like(a, 9.0).at[tuple(slice(n) for n in b.shape)].set(b) for a, b in pairs]
    return jax.tree.unflatten(structure, leaves)


@every
def test_the_same_code_however_many_places_are_empty(make):
    """Of rows stored with twice as many places, by networks of as many; to 1e-5."""
    network = numbered(make())
    longer = lengthened(network, make(2 * LENGTH))
    rows = np.pad(ROWS, [(0, 0), (0, LENGTH)])
    np.testing.assert_allclose(codes(longer, rows), codes(network), rtol=1e-5, atol=1e-5)


@every
def test_what_is_behind_the_end_is_not_read(make):
    network = numbered(make())
    other = np.where(np.cumsum(ROWS == 0, 1) > 1, 3.0, ROWS)
    assert (other != ROWS).any()
    np.testing.assert_array_equal(codes(network, other), codes(network))


@every
def test_each_token_and_its_place_is_read(make):
    """Another token at any place before the end, and an end one place on, are another code; and so are two
    tokens in the other order."""
    network, x = numbered(make()), np.array([1, 4, 2, 2, 0, 0, 0], float)
    others = [x + e for e in np.eye(LENGTH)[[0, 2, 3, 4]]] + [x - np.eye(LENGTH)[1], x[[1, 0, 2, 3, 4, 5, 6]]]
    found = codes(network, np.stack([x, *others]))
    assert (np.abs(found[1:] - found[0]).max(1) > 1e-3).all()


@every
def test_gradients_of_an_empty_row_are_finite(make):
    network = make()
    of_weights = jax.jit(jax.grad(lambda network: (network(jnp.zeros(LENGTH)) ** 2).sum()))(network)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(of_weights))


def swish(x):
    return x * expit(x)


def level(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


def by_conv(network, tokens):
    y = [network.tokens[token] for token in tokens]
    places = LENGTH
    for W, b in zip(network.weights, network.biases, strict=True):
        places = -(-places // 2)
        y = [
            swish(b + sum(y[i + k - 1] @ W[k] for k in range(3) if 0 <= i + k - 1 < len(y)))
            for i in range(0, len(y), 2)
        ]
    flat = np.concatenate([*y, *[np.zeros(W.shape[2])] * (places - len(y))])
    (V, U), (c, d) = network.dense.weights, network.dense.biases
    return swish(flat @ V + c) @ U + d


def by_gru(network, tokens):
    states = []
    for unit, E, order in zip(network.units, network.tokens, (tokens, tokens[::-1]), strict=False):
        s = np.zeros(4)
        for token in order:
            a, of_s = E[token], s @ unit.recurrent
            r, u = expit(a[:4] + of_s[:4]), expit(a[4:8] + of_s[4:8])
            s = u * s + (1 - u) * np.tanh(a[8:] + r * (of_s[8:] + unit.bias))
        states.append(s)
    return np.concatenate(states) @ network.out.weights[0] + network.out.biases[0]


def by_attention(network, tokens):
    y = np.array([network.tokens[t] + p for t, p in zip([0, *tokens], network.places, strict=False)])
    for block in network.blocks:
        qkv = np.array([level(x) @ block.attention + block.attention_bias for x in y])
        joined = []
        for head in (slice(0, 2), slice(2, 4)):
            q, k, v = (each[:, head] for each in np.split(qkv, 3, axis=1))
            joined.append(softmax(q @ k.T / np.sqrt(2), axis=1) @ v)
        y = y + np.concatenate(joined, 1) @ block.joined + block.joined_bias
        (W, V), (b, c) = block.behind.weights, block.behind.biases
        y = y + swish(np.array([level(x) for x in y]) @ W + b) @ V + c
    k, v = np.split(np.array([level(x) for x in y]) @ network.found, 2, axis=1)
    pooled = softmax(network.queries @ k.T / np.sqrt(4), axis=1) @ v
    return pooled.ravel() @ network.out.weights[0] + network.out.biases[0]


@pytest.mark.parametrize(
    ("make", "plain"), [(conv, by_conv), (gru, by_gru), (forwards, by_gru), (attention, by_attention)]
)
def test_is_its_formula(make, plain):
    """In float64, to 1e-9."""
    with jax.enable_x64(True):
        network = numbered(make())
        in_numpy = jax.tree.map(np.asarray, network)
        expected = [plain(in_numpy, [int(token) for token in x if token]) for x in ROWS]
        np.testing.assert_allclose(codes(network), expected, rtol=1e-9, atol=1e-9)


@every
def test_is_saved_and_loaded_and_stands_in_a_posterior(make, tmp_path):
    latent = lb.DiagonalGaussian(1)
    network = numbered(make())
    network = jax.tree.map(lambda leaf: leaf[..., :2] if leaf.shape[-1] == OUT else leaf, network)
    assert (network.in_size, network.out_size) == (LENGTH, latent.size)
    posterior = lb.Conditional(network, latent)
    lb.save(posterior, tmp_path)
    np.testing.assert_array_equal(lb.load(tmp_path)(ROWS[0]).mean, posterior(ROWS[0]).mean)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lb.SequenceConv(3, 4, 2, kernel=1, key=KEY), r"SequenceConv\.kernel: expected at least 2"),
        (lambda: lb.SequenceConv(3, 4, 2, channels=(), key=KEY), r"SequenceConv\.channels: .* found none"),
        (lambda: lb.SequenceGRU(3, 0, 2, key=KEY), r"SequenceGRU\.length: .* found 0"),
        (
            lambda: lb.SequenceAttention(3, 4, 2, queries=0, key=KEY),
            r"SequenceAttention\.queries: .* found 0",
        ),
        (lambda: lb.GatedUnit(0, key=KEY), r"GatedUnit\.width: .* found 0"),
    ],
)
def test_a_size_that_is_none_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


class TestFeatures:
    """A row of a category, a text of four places, a number, and a text of two."""

    MARGINS = lb.Margins.of(np.arange(100.0)[:, None], bins=4)
    LEVELS = (2, 5, 5, 5, 5, 0, 5, 5)
    ROW = jnp.array([1.0, 2, 4, 0, 0, 49.5, 3, 0])

    @cached_property
    def readers(self):
        return (
            (1, numbered(lb.SequenceGRU(5, 4, 3, width=4, key=KEY))),
            (6, numbered(lb.SequenceAttention(5, 2, 2, width=4, heads=2, key=KEY))),
        )

    def seen(self, row, readers=None):
        readers = self.readers if readers is None else readers
        options = {"levels": self.LEVELS, "margins": self.MARGINS, "readers": readers}
        vector = lb.Features(lambda x: x, **options)(row)
        assert len(vector) == lb.Features.inputs(**options)
        return vector

    def test_a_text_that_is_read_stands_as_its_vector_in_place_of_its_tokens(self):
        """Behind what there is of the other columns, which is as without texts; to 1e-6."""
        vector = self.seen(self.ROW)
        others = lb.Features(lambda x: x, levels=(2, 0), margins=self.MARGINS)(self.ROW[jnp.array([0, 5])])
        np.testing.assert_array_equal(vector[:-5], others)
        (_, first), (_, second) = self.readers
        np.testing.assert_allclose(vector[-5:-2], first(self.ROW[1:5]), rtol=1e-6)
        np.testing.assert_allclose(vector[-2:], second(self.ROW[6:]), rtol=1e-6)

    def test_one_text_may_be_read_and_another_not(self):
        vector = self.seen(self.ROW, self.readers[:1])
        np.testing.assert_array_equal(vector[2:12], jax.nn.one_hot(self.ROW[6:].astype(int), 5).ravel())

    def test_of_a_text_that_is_missing_all_is_0(self):
        vector = self.seen(self.ROW.at[1:5].set(jnp.nan))
        np.testing.assert_array_equal(vector[-5:-2], 0)
        empty = self.seen(self.ROW.at[1:5].set(0))
        assert (empty[-5:-2] != 0).all()

    def test_readers_are_trained_and_saved(self, tmp_path):
        inner = lb.MLP(lb.Features.inputs(self.LEVELS, self.MARGINS, (), self.readers), 2, key=KEY)
        network = lb.Features(inner, levels=self.LEVELS, margins=self.MARGINS, readers=self.readers)
        gradient = jax.jit(jax.grad(lambda n: n(self.ROW).sum(), allow_int=True))(network)
        assert all((leaf != 0).any() for leaf in jax.tree.leaves(gradient.readers[0].units))
        posterior = lb.Conditional(network, lb.DiagonalGaussian(1))
        lb.save(posterior, tmp_path)
        np.testing.assert_array_equal(lb.load(tmp_path)(self.ROW).mean, posterior(self.ROW).mean)

    def test_a_reader_of_other_places_is_refused(self):
        with pytest.raises(
            ValueError, match=r"Features\.readers: .* from 2 on, .* levels are \(5, 5, 5, 0\)"
        ):
            self.seen(self.ROW, ((2, self.readers[0][1]),))
