"""Which row, and which of its columns, began what is not finite: looked for outside the compiled loop, one
row at a time, once it has happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree
from numpyro.distributions import Independent

from lowerbound.data.errors import Place
from lowerbound.models.latent_model import LatentModel
from lowerbound.objectives.objective import DataPoint, Progress
from lowerbound.randomness.keys import RowKeys
from lowerbound.training.assess import Held
from lowerbound.training.feed import Batch, Feed
from lowerbound.training.run import Run
from lowerbound.training.state import State
from lowerbound.training.terms import named, ordered

__all__ = ["Cell", "began_in", "broken_rows", "in_words", "left_out"]


@dataclass(frozen=True)
class Cell:
    """A value of a row, and whether the row is not finite by itself (else it is the one furthest out)."""

    place: Place
    value: float
    alone: bool

    def __str__(self) -> str:
        return f"{self.place} ({self.value:g})"


class _Looks(eqx.Module):
    """What there is to say of each row."""

    value: Float[Array, " n"]
    finite: Bool[Array, " n"]
    columns: Bool[Array, "n d"] | None  # of log p(x∣z), where it is a sum over columns


def began_in(run: Run, feed: Feed, before: State, numbers: np.ndarray) -> Cell:
    """Where the step from `before` went wrong, among the rows of these numbers."""
    batch = feed.batch(before.order_key, before.epoch, before.position)
    step_key = jax.random.fold_in(before.noise_key, before.step)
    keys = jax.vmap(lambda number: RowKeys.of(jax.random.fold_in(step_key, number)))(batch.numbers)
    looks = _looks(run, before.parameters, batch, keys, before.step)
    x = np.asarray(batch.x, np.float64)
    broken = np.flatnonzero(~np.asarray(looks.finite))
    row = int(broken[0]) if len(broken) else int(np.argmin(looks.value))
    return _cell(x, looks, row, int(numbers[batch.numbers[row]]), alone=len(broken) > 0)


def broken_rows(run: Run, held: Held, state: State, numbers: np.ndarray) -> tuple[np.ndarray, list[Cell]]:
    """The places in the block of the validation rows that are not finite, and where in each."""
    n = int(held.block.n)
    block = held.block
    rows = Batch(block.x, block.given, jnp.arange(len(block.x)))
    key = state.noise_key
    keys = jax.vmap(lambda x: RowKeys.by_content(key, x))(block.x)
    looks = _looks(run, state.evaluated, rows, keys, None)
    x = np.asarray(block.x[:n], np.float64)
    places = np.flatnonzero(~np.asarray(looks.finite)[:n] & np.asarray(held.kept)[:n])
    return places, [_cell(x, looks, int(i), int(numbers[i]), alone=True) for i in places]


@eqx.filter_jit
def _looks(run: Run, parameters: PyTree, batch: Batch, keys: RowKeys, step: Array | None) -> _Looks:
    """Each row by itself; in training with its gradient."""

    def of_row(point: DataPoint) -> _Looks:
        def value(parameters: PyTree) -> tuple[Array, Array]:
            model = eqx.combine(parameters, run.constants)
            value, terms = run.objective.of_point(model, point, Progress(step))
            finite = jnp.stack([jnp.isfinite(term) for term in named(value, terms).values()]).all()
            return value, finite

        if step is None:
            bound, finite = value(parameters)
        else:
            (bound, finite), gradient = jax.value_and_grad(value, has_aux=True)(parameters)
            finite &= jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient)]).all()
        model = eqx.combine(parameters, run.constants)
        return _Looks(bound, finite, _finite_columns(model, point))

    return jax.lax.map(of_row, DataPoint(batch.x, keys, batch.given))


def _finite_columns(model: LatentModel, point: DataPoint) -> Array | None:
    """By column, whether log p(x∣z) at one z is finite; `None` where it is no sum over columns."""
    sampler = point.sampler(model)
    p = model.p_x(sampler(point.keys.draws, jnp.arange(1)).z[0], point.given)
    if not isinstance(p, Independent) or p.base_dist.batch_shape != point.x.shape:
        return None
    return jnp.isfinite(p.base_dist.log_prob(sampler.y))


def _cell(x: np.ndarray, looks: _Looks, row: int, number: int, *, alone: bool) -> Cell:
    """The column whose log p(x∣z) is not finite where the others' is; else the one furthest out, in mean
    absolute deviations of the other rows from their median."""
    others = np.delete(x, row, 0) if len(x) > 1 else np.zeros_like(x)
    with np.errstate(all="ignore"):
        centre = np.nanmedian(others, 0)
        spread = np.nanmean(np.abs(others - centre), 0)
        out = np.nan_to_num(np.abs(x[row] - centre) / (spread + 1e-9 * (1 + np.abs(centre))))
    finite = None if looks.columns is None else np.asarray(looks.columns)[row]
    if finite is not None and finite.any() and not finite.all():
        out = np.where(finite, -1.0, out)
    column = int(np.argmax(out))
    return Cell(Place(number, column), float(x[row, column]), alone)


def in_words(state: State, of_gradient: bool, cell: Cell, steps_per_epoch: float) -> str:
    """What stopped training, where it began, and what to do."""
    bad = [name for name in ordered(state.finite) if not state.finite[name]]
    bad = [name for name in bad if name in ("log_likelihood", "kl")] or bad
    if of_gradient:
        bad = ["the gradient of the step before"]
    reasons = "; ".join(_REASONS[name] for name in bad if name in _REASONS)
    began = f"it began with {cell}" if cell.alone else f"of its rows the one furthest out is {cell}"
    step = int(state.step)
    return (
        f"training stopped at step {step} (epoch {step / steps_per_epoch:.2f}): {' and '.join(bad)} "
        f"is not finite{': ' + reasons if reasons else ''}; {began}, counted from 0. The best model so far "
        f"is kept. {_WAYS_OUT}"
    )


def left_out(cells: Sequence[Cell], name: str) -> str:
    """That validation rows are left out, and which."""
    named_cells = ", ".join(map(str, cells[:5])) + (f" and {len(cells) - 5} more" if len(cells) > 5 else "")
    return (
        f"the bound of {len(cells)} validation row{'s' * (len(cells) > 1)} is not finite: {named_cells} of "
        f"{name}, counted from 0; models are compared on the others. {_WAYS_OUT}"
    )


_REASONS = {
    "log_likelihood": "the likelihood overflowed or met a value of probability 0",
    "kl": "the posterior's scale overflowed or vanished",
    "the gradient of the step before": "a derivative overflowed or is undefined",
}
_WAYS_OUT = (
    "Look at the row; or try a smaller learning_rate, lb.NAdam(clip_norm=10), data on a scale of about 1 "
    "(Standardization), or a likelihood whose scale does not depend on z (LearnedScale)"
)
