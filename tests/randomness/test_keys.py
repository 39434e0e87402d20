"""A row's key is a function of (seed, purpose, content), and of nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.randomness.keys import PURPOSES, as_key, content_hash, content_key, random_words


def data(key):
    return np.asarray(jax.random.key_data(key))


def hashes(rows):
    first, second = jax.jit(jax.vmap(content_hash))(jnp.asarray(rows))
    return np.stack([first, second], axis=1)


class TestAsKey:
    def test_a_seed_is_its_threefry_key(self):
        for seed in (3, np.int64(3)):
            np.testing.assert_array_equal(data(as_key(seed)), data(jax.random.key(3, impl="threefry2x32")))

    def test_a_threefry_key_is_kept(self):
        for key in (jax.random.key(5), jax.random.PRNGKey(5), as_key(5), data(jax.random.key(5))):
            np.testing.assert_array_equal(data(as_key(key)), data(jax.random.key(5)))

    def test_any_other_generator_becomes_a_threefry_key_of_its_own(self):
        keys = [as_key(jax.random.key(seed, impl="rbg")) for seed in (0, 1)]
        assert {key.dtype for key in keys} == {as_key(0).dtype}
        assert keys[0] != keys[1]


class TestItsNumbers:
    """Keys of ours draw what JAX's own threefry keys draw, to the bit."""

    ours, theirs = as_key(7), jax.random.key(7, impl="threefry2x32")

    @pytest.mark.parametrize("shape", [(), (1,), (2,), (5,), (3, 4)])
    @pytest.mark.parametrize("dtype", [jnp.uint8, jnp.uint16, jnp.uint32])
    def test_bits(self, shape, dtype):
        expected = jax.random.bits(self.theirs, shape, dtype)
        np.testing.assert_array_equal(jax.random.bits(self.ours, shape, dtype), expected)

    def test_words_in_one_expression_and_bits_of_64(self):
        expected = jax.random.bits(self.theirs, (7,), jnp.uint32)
        np.testing.assert_array_equal(random_words(self.theirs, (7,)), expected)
        with jax.enable_x64(True):
            expected = jax.random.bits(self.theirs, (7,), jnp.uint64)
            np.testing.assert_array_equal(jax.random.bits(self.ours, (7,), jnp.uint64), expected)

    def test_keys_made_of_keys(self):
        for derived in (
            lambda key: jax.random.split(key, (3, 2)),
            lambda key: jax.random.fold_in(key, 9),
            lambda key: jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(4)),
        ):
            np.testing.assert_array_equal(data(derived(self.ours)), data(derived(self.theirs)))

    def test_noise_under_vmap(self):
        def noise(key):
            return jax.vmap(lambda key: jax.random.normal(key, (3,)))(jax.random.split(key, 5))

        np.testing.assert_array_equal(noise(self.ours), noise(self.theirs))


class TestContentKey:
    row = jnp.asarray([0.0, 1.0, -2.5])

    def test_minus_zero_is_zero(self):
        signed = jnp.asarray([-0.0, 1.0, -2.5])
        for function in (content_key, jax.jit(content_key, static_argnums=2)):
            np.testing.assert_array_equal(
                data(function(as_key(0), self.row, "posterior")),
                data(function(as_key(0), signed, "posterior")),
            )

    def test_equal_numbers_of_any_type_have_one_key(self):
        row = [0, 1, 200]
        keys = [
            data(content_key(as_key(0), jnp.asarray(row, dtype), "posterior"))
            for dtype in (jnp.uint8, jnp.int32, jnp.float32)
        ]
        np.testing.assert_array_equal(keys, [keys[0]] * 3)

    def test_seed_purpose_and_content_each_move_it(self):
        variants = [
            *(content_key(as_key(0), self.row, purpose) for purpose in PURPOSES),
            content_key(as_key(1), self.row, "posterior"),
            content_key(as_key(0), self.row[::-1], "posterior"),
            content_key(as_key(0), jnp.nextafter(self.row, 2.0), "posterior"),
            content_key(as_key(0), jnp.append(self.row, 0.0), "posterior"),
        ]
        assert len({data(key).tobytes() for key in variants}) == len(variants)

    def test_an_unknown_purpose_is_refused(self):
        with pytest.raises(ValueError, match="not in"):
            content_key(as_key(0), self.row, "fun")

    def test_a_row_in_a_batch_has_the_key_it_has_alone(self):
        rows = jax.random.normal(jax.random.key(0), (5, 3))
        key_of = lambda row: data_of(content_key(as_key(0), row, "posterior"))  # noqa: E731
        data_of = jax.random.key_data
        np.testing.assert_array_equal(jax.jit(jax.vmap(key_of))(rows), [key_of(row) for row in rows])


class TestContentHash:
    def rows(self):
        return np.random.default_rng(0).integers(2, size=(50_000, 784), dtype=np.uint8)

    def test_no_two_binary_rows_collide(self):
        """64 bits and 50,000 rows: a good hash collides with probability 7e-11; and each of its halves,
        32 bits, n²/2³³ = 0.29 times in the mean (5 or more with probability 2e-5)."""
        found = hashes(self.rows())
        assert len(np.unique(found, axis=0)) == 50_000
        for half in found.T:
            assert 50_000 - len(np.unique(half)) < 5

    def test_rows_that_differ_in_few_places_do_not_collide(self):
        """The empty row, 80 rows with one place on and 3,160 with two."""
        one = np.eye(80, dtype=np.uint8)
        pairs = [one[i] | one[j] for i in range(80) for j in range(i)]
        near = np.concatenate([np.zeros((1, 80), np.uint8), one, pairs])
        assert len(np.unique(hashes(near), axis=0)) == len(near)

    def test_every_bit_is_fair(self):
        """Each of 64 bits is on for half of 50,000 rows, within 5 of √(n/4)."""
        bits = np.unpackbits(hashes(self.rows()).view(np.uint8), axis=1)
        assert (np.abs(bits.sum(axis=0, dtype=int) - 25_000) < 5 * np.sqrt(50_000 / 4)).all()
