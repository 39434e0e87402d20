"""log p(x) of a table of two columns, of each pair of kinds, is a density or a mass of all possible rows."""

from itertools import combinations_with_replacement, pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest

from lowerbound.assembly import build
from lowerbound.data.schema import described

N = 240
RNG = np.random.default_rng(0)
# Of each kind two columns of a table.
COLUMNS = {
    "number": [RNG.normal(3.0, 2.0, N), RNG.gumbel(-40.0, 5.0, N)],
    "rounded": [np.round(RNG.normal(0.0, 0.5, N), 1), np.round(RNG.normal(9.0, 1.0, N), 1)],
    "whole": [RNG.integers(-20, 21, N), RNG.integers(60, 120, N)],
    "bit": [RNG.random(N) < 0.3, RNG.integers(0, 2, N)],
    "category": [RNG.choice(["a", "b", "c"], N), RNG.choice(["no", "yes"], N)],
    "count": [RNG.poisson(1.5, N), RNG.poisson(0.4, N)],
}


# Each kind beside itself and the next; the others take as long again.
NEXT = list(pairwise(COLUMNS))
PAIRS = [
    pytest.param(*pair, marks=() if pair[0] == pair[1] or pair in NEXT else pytest.mark.slow)
    for pair in combinations_with_replacement(COLUMNS, 2)
]


def grid(column, values):
    """Values of an encoded column, all that may be or close together, and the logarithm of how much each
    stands for."""
    if column.kind == "number":
        middle, spread = np.median(values), np.std(values)
        t = np.linspace(-4, 4, 300)
        return middle + spread * np.sinh(t), np.log(spread * np.cosh(t) * (t[1] - t[0]))
    if column.levels is not None or column.kind == "bit":
        places = np.arange(len(column.levels or (0, 1)))
        return places, np.zeros(len(places))
    step, reach = 10.0**-column.decimals, values.max() - values.min()
    low = 0 if values.min() >= 0 else values.min() - 2 * reach
    places = np.arange(np.rint(low / step), np.rint((values.max() + 2 * reach) / step) + 1) * step
    return places, np.zeros(len(places))


@pytest.mark.thorough
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_log_p_sums_or_integrates_to_1(first, second):
    """Up to bins and tails that the grid leaves out; exact over a latent variable of two values, at which the
    decoder puts out two distributions."""
    table = pa.table({"a": COLUMNS[first][0], "b": COLUMNS[second][1 if first == second else 0]})
    schema, rows = described(table)
    model = build(rows, latent_dim=1, width=4, depth=1).model
    (a, log_a), (b, log_b) = (grid(c, rows.x[:, j].astype(float)) for j, c in enumerate(schema.encoded))
    x = np.stack(np.meshgrid(a, b, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.float32)
    z = jnp.asarray([[-0.5], [1.0]])

    @eqx.filter_jit
    def log_p(model, x):
        def one(x, z):
            return model.sampler(x, jax.random.key(0)).log_likelihood(z)

        return jax.vmap(lambda x: jax.nn.logsumexp(jax.vmap(lambda z: one(x, z))(z)))(x) - jnp.log(2.0)

    log_mass = np.asarray(log_p(model, x), np.float64) + np.add.outer(log_a, log_b).reshape(-1)
    assert np.exp(log_mass).sum() == pytest.approx(1, abs=0.01)
