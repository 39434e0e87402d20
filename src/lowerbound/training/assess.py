"""The look at the validation rows, which choose the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from lowerbound.objectives.gradients import Terms
from lowerbound.objectives.objective import DataPoint
from lowerbound.randomness.keys import RowKeys
from lowerbound.training.feed import Block
from lowerbound.training.run import Run
from lowerbound.training.state import State
from lowerbound.training.terms import named

__all__ = ["Held", "assess", "objective_of_best"]

# Rows of the validation set that are looked at together.
ASSESSED_TOGETHER = 128


class Held(eqx.Module):
    """The validation rows, and which of them models are compared on: all, but for those whose terms were not
    finite."""

    block: Block
    kept: Bool[Array, " size"]

    @classmethod
    def of(cls, block: Block) -> Self:
        """All rows of a block."""
        return cls(block, jnp.asarray(np.ones(len(block.x), bool)))  # no program for every size

    def without(self, places: Int[np.ndarray, " k"]) -> Self:
        """The rows but for those at these places."""
        return replace(self, kept=self.kept.at[places].set(False))

    @property
    def left_out(self) -> Int[np.ndarray, " k"]:
        """The places of the rows that models are not compared on."""
        return np.flatnonzero(~np.asarray(self.kept))

    @property
    def compared(self) -> Int[Array, ""]:
        """How many rows models are compared on."""
        return (self.kept & (jnp.arange(len(self.kept)) < self.block.n)).sum()


@eqx.filter_jit(donate="all-except-first")
def assess(run_on: tuple[Run, Held | None], state: State) -> tuple[State, Terms, Int[Array, ""]]:
    """The state with the best model so far in it; the mean terms on the validation rows; and of how many of
    the rows that are compared a term is not finite. Those are left out of the means, and no model is the best
    by such a look.

    The noise of a row follows from its content, the same at every look, so that two looks are paired.
    Without validation rows the best model is the latest.
    """
    run, held = run_on
    terms: Terms = {}
    if held is None:
        improved, objective, broken = jnp.asarray(True), state.best_objective, jnp.zeros((), jnp.int32)
    else:
        terms, broken = _mean_terms(run, held, state, state.evaluated)
        objective = terms["objective"]
        improved = (objective > state.best_objective) & (broken == 0)
    best = jax.tree.map(lambda new, old: jnp.where(improved, new, old), state.evaluated, state.best)
    state = eqx.tree_at(
        lambda s: (s.best, s.best_objective, s.best_step),
        state,
        (
            best,
            jnp.where(improved, objective, state.best_objective),
            jnp.where(improved, state.step, state.best_step),
        ),
    )
    return state, terms, broken


@eqx.filter_jit
def objective_of_best(run: Run, held: Held, state: State) -> Float[Array, ""]:
    """What the best model so far has on the rows that are compared now."""
    terms, broken = _mean_terms(run, held, state, state.best)
    return jnp.where((broken == 0) & jnp.isfinite(state.best_objective), terms["objective"], -jnp.inf)


def _mean_terms(run: Run, held: Held, state: State, parameters: PyTree) -> tuple[Terms, Int[Array, ""]]:
    model, rows, key = eqx.combine(parameters, run.constants), held.block, state.noise_key

    def of_row(i: Array) -> Terms:
        x, given = rows.row(i)
        value, terms = run.objective.of_point(model, DataPoint(x, RowKeys.by_content(key, x), given))
        return named(value, terms)

    def add(chunk: Array, carry: tuple[Terms, Array]) -> tuple[Terms, Array]:
        sums, broken = carry
        i = chunk * ASSESSED_TOGETHER + jnp.arange(ASSESSED_TOGETHER)
        looked_at = jnp.minimum(i, rows.n - 1)
        terms = jax.vmap(of_row)(looked_at)
        finite = jnp.stack([jnp.isfinite(term) for term in terms.values()]).all(0)
        compared = (i < rows.n) & held.kept[looked_at]
        if (weight := rows.weight) is not None:
            terms = jax.tree.map(lambda term: weight[looked_at] * term, terms)
        add_up = lambda sum, term: sum + jnp.where(compared & finite, term, 0.0).sum()  # noqa: E731
        return jax.tree.map(add_up, sums, terms), broken + (compared & ~finite).sum()

    none = jax.tree.map(jnp.zeros_like, state.running)
    chunks = (rows.n + ASSESSED_TOGETHER - 1) // ASSESSED_TOGETHER
    sums, broken = jax.lax.fori_loop(0, chunks, add, (none, jnp.zeros((), jnp.int32)))
    return {name: sum / (held.compared - broken) for name, sum in sums.items()}, broken
