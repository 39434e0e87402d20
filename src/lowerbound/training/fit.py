"""`fit`: maximise the mean bound over the rows of a data set."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any

import equinox as eqx
import jax
import numpy as np
import optax
from jaxtyping import Int, PRNGKeyArray

from lowerbound.archive.records import HistoryRecord
from lowerbound.data.memory import in_bytes
from lowerbound.data.others import Others
from lowerbound.leaves import trainable
from lowerbound.models.latent_model import LatentModel
from lowerbound.networks.product import multiplying
from lowerbound.objectives.objective import Objective
from lowerbound.randomness.keys import as_key
from lowerbound.training import defaults
from lowerbound.training.assess import Held
from lowerbound.training.checkpoint import Checkpoint
from lowerbound.training.checks import check_callbacks, check_kind, check_numbers, check_validation
from lowerbound.training.devices import block_of, here, mesh_of, replicated
from lowerbound.training.division import Division
from lowerbound.training.history import Callback
from lowerbound.training.interrupts import interrupts
from lowerbound.training.loop import Guard, climb
from lowerbound.training.optimizer import NAdam
from lowerbound.training.patience import Patience
from lowerbound.training.plan import Plan
from lowerbound.training.processes import together
from lowerbound.training.resume import origin_of, taken_up
from lowerbound.training.run import Run
from lowerbound.training.saver import saving
from lowerbound.training.standing import Standing
from lowerbound.training.state import State
from lowerbound.training.supply import supply_of
from lowerbound.training.warning import TrainingWarning

__all__ = ["Result", "fit"]


@dataclass(frozen=True)
class Result:
    """What `fit` returns.

    `model`: the best on the validation rows, or the latest where there are none; `history`: a record a
    chunk (nats a row); `state`: to go on from, `fit(…, resume=result.state)`; `stopped`: why training ended,
    `"epochs"`, `"patience"`, `"minutes"`, `"interrupted"`, `"callback"` or `"not finite"`; `best_step`: the
    step of `model`; `train_rows`, `validation_rows`: the split, as row numbers of x (the second is `None`
    where validation rows were handed in, or none were kept back); of rows beyond memory as
    [`Others`][lowerbound.data.others.Others].
    """

    model: Any
    history: list[HistoryRecord]
    state: State
    stopped: str
    best_step: int
    train_rows: Int[np.ndarray, " n"] | Others
    validation_rows: Int[np.ndarray, " m"] | None

    @property
    def gain_at_the_end(self) -> float:
        """What a tenth of the run gains at the pace of its end, on the validation rows where there are any:
        nats a row; 0 where something else than the last epoch ended it."""
        if self.stopped != "epochs" or len(self.history) < 2:
            return 0.0
        last, before = self.history[-1], self.history[-1 - max(1, len(self.history) // 10)]
        name = "validation_bound" if "validation_bound" in last else "bound"
        return (last[name] - before[name]) * 0.1 * last["epoch"] / (last["epoch"] - before["epoch"])


def fit(
    model: LatentModel,
    x: Any,
    *,
    objective: Objective | None = None,
    given: Any = None,
    epochs: float | None = None,
    batch_size: int = defaults.BATCH_SIZE,
    learning_rate: float | None = None,
    optimizer: NAdam | optax.GradientTransformation | None = None,
    weight_prior: float | None = None,
    precision: str | None = None,
    validation: float | Any = defaults.VALIDATION,
    patience: float | Patience | None = defaults.PATIENCE,
    callbacks: Sequence[Callback] = (),
    devices: int | None = None,
    memory: str | int = defaults.MEMORY,
    checkpoint: Checkpoint | None = None,
    resume: State | bool | None = None,
    key: PRNGKeyArray | int = 0,
) -> Result:
    """Maximise the mean of `objective` over the rows of `x` by stochastic gradient ascent.

    The rows live on the device in their own type; a chunk of steps, with its shuffling, transform and
    noise, is one compiled loop. The run is a function of `key` and its arguments: the same call gives the
    same model, and a run that went on from a state ends where an uninterrupted one does.

    **Arguments:**

    - `model`: its trainable arrays are the start; it is not changed.
    - `x`: (n, d); `given`: the condition of each row, (n, c). Rows with weights,
      [`lb.Rows(x).weighted(w)`][lowerbound.data.rows.Rows.weighted], count by them.
    - `objective`: by default `ELBO()`, the bound with an analytic KL where there is one.
    - `epochs`: passes over the training rows, by default as many as make 4,000 steps, 40 to 400
      ([`default_epochs`][lowerbound.training.defaults.default_epochs]).
    - `batch_size`: rows a step, by default 128.
    - `learning_rate`: that of NAdam, the short cut for `optimizer=NAdam(learning_rate=…)`.
    - `optimizer`: [`NAdam`][lowerbound.NAdam] with its numbers (rate and warm-up, limit on the gradient's
      norm, averaging of the weights), by default `NAdam()`; or any Optax transformation, whose updates are
      applied as they come.
    - `weight_prior`: scale s of a prior N(0, s²) on the weights θ of prior and likelihood: MAP, the mean
      bound plus log p(θ)/N.
    - `precision`: `"bfloat16"` rounds the factors of the networks' matrix products to 8 bits of mantissa in
      the steps, which are 1.2 to 1.8 times as fast where the processor multiplies such numbers; sums,
      weights and the look at the validation rows stay float32. `"tensorfloat32"` keeps 11 bits on a GPU
      that has such products, and is float32 elsewhere. By default nothing is rounded, on a GPU either.
    - `validation`: a share of the rows, drawn by `key`, that chooses the best model and is not trained
      on; or rows themselves, an array (or the pair `(x, given)` with a condition); 0 for none.
    - `patience`: training stops after this many epochs without a better bound on the validation rows;
      `None` for never. [`Patience`][lowerbound.Patience] says besides how many minutes it has, and how often
      these rows are looked at.
    - `callbacks`: each is called with every record of the history; one that returns something true
      stops.
    - `devices`: how many local devices share a batch, by default all that divide it evenly.
    - `memory`: rows of a mapped file (`np.load(…, mmap_mode="r")`) that take more, of bytes or as `"2 GB"`,
      are not held: runs of neighbouring rows are read from all over the file while the device works, and
      mixed with each other ([`Runs`][lowerbound.training.order.Runs]). With several processes each reads its
      share of every batch.
    - `checkpoint`: where the run is saved while it trains, and how often:
      [`lb.Checkpoint(folder, every="5 min")`][lowerbound.Checkpoint]. SIGTERM is then saved, too, and raised
      again after it.
    - `resume`: `True` to go on from the newest whole checkpoint of that folder, or to begin where there is
      none: what comes out is, to the bit, what an uninterrupted run gives. Of the call, `epochs`, what
      watches a run (patience, callbacks) and `devices` may differ. Or the `state` of a
      result of such a call, whose precision may differ as well.
    - `key`: a key or a seed.

    **Raises:** `TypeError` and `ValueError` for an argument that is not as said; for data that are no finite
    real numbers, of a wrong width, or outside the likelihood's support; for a state or a checkpoint of
    another run, with the first difference. `OSError` for a checkpoint's folder that cannot be written at the
    start, that another process trains into (`BlockingIOError`), or that has checkpoints where `resume` is not
    said (`FileExistsError`). A term that is not finite, whose row and column are named, and Ctrl-C stop
    training with a [`TrainingWarning`][] and give back the best model so far.

    >>> import jax, numpy as np, lowerbound as lb
    >>> k1, k2 = jax.random.split(jax.random.key(0))
    >>> latent, pixels = lb.DiagonalGaussian(2), lb.Bernoulli(4)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=k1), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=k2), pixels),
    ... )
    >>> x = np.repeat([[0, 0, 1, 1], [1, 1, 0, 0]], 64, axis=0)
    >>> result = lb.fit(model, x, epochs=50, batch_size=32)
    >>> bool(result.history[-1]["bound"] > result.history[0]["bound"])
    True
    """
    _check(objective, optimizer, learning_rate, validation, callbacks, checkpoint, resume)
    check_kind("model", model, LatentModel, "a model, such as lb.VAE(prior, posterior, likelihood)")
    check_numbers(
        epochs=epochs,
        batch_size=batch_size,
        weight_prior=weight_prior,
        devices=devices,
        precision=precision,
    )
    patience = Patience.of(patience)
    if learning_rate is not None:
        optimizer = NAdam(learning_rate=learning_rate)
    optimizer = NAdam() if optimizer is None else optimizer
    split_key, run_key = jax.random.split(as_key(key))
    division = Division.of(model, x, given, validation, split_key)
    n = len(division.train_rows)
    if n == 0:
        raise ValueError("weight: expected one above 0 among the rows that are trained on, found zeros alone")
    plan = Plan.of(n, batch_size, epochs, patience.look_every)
    batch_size = plan.batch_size
    run = Run.of(
        model,
        population=n,
        total_steps=plan.total_steps,
        objective=objective,
        optimizer=optimizer,
        weight_prior=weight_prior,
    )
    mesh = mesh_of(devices, batch_size)
    supply = supply_of(division, batch_size, mesh, in_bytes(memory), run_key)
    held = Held.of(block_of(division.held, division.held_rows)) if len(division.held_rows) else None
    if held is None and patience.epochs not in (None, defaults.PATIENCE):
        warnings.warn(_IMPATIENT.format(patience.epochs), TrainingWarning, stacklevel=2)
    origin = origin_of(run, division, batch_size, optimizer, as_key(key), precision, supply.runs)
    state = State.initial(run, trainable(model), supply.shapes, run_key, origin)
    if isinstance(resume, State):
        state = taken_up(resume, state)
    run, held, state = replicated(mesh, (run, held, state))
    with (
        multiplying(),
        together(),
        closing(supply),
        interrupts(terminate=checkpoint is not None) as interrupted,
        saving(checkpoint, resume=resume is True) as saver,
    ):
        saved = saver.newest(state) if saver is not None and resume is True else None
        standing = saved or Standing.begun(state)
        standing = replace(standing, state=replicated(mesh, standing.state))
        guard = Guard(patience, callbacks, interrupted, precision)
        state, history, stopped = climb(run, supply, held, standing, plan, division, guard, saver)
    run, state = here((run, state))
    if stopped == "interrupted":
        then = f"the best model so far, of step {state.best_step}, is given back"
        if checkpoint is not None:
            then = f"it is saved in {checkpoint.folder}, from where resume=True goes on"
        warnings.warn(_INTERRUPTED.format(state.step, plan.total_steps, then), TrainingWarning, 2)
    if (unfinished := run.objective.unfinished(int(state.step))) is not None:
        warnings.warn(unfinished, TrainingWarning, stacklevel=2)
    return Result(
        model=eqx.combine(state.best, run.constants),
        history=history,
        state=state,
        stopped=stopped,
        best_step=int(state.best_step),
        train_rows=division.train_rows,
        validation_rows=division.drawn,
    )


_IMPATIENT = "patience={} ends nothing, since there are no validation rows; give validation a share, or rows"
_INTERRUPTED = "training was interrupted at step {} of {}; {}"


def _check(
    objective: Any,
    optimizer: Any,
    learning_rate: Any,
    validation: Any,
    callbacks: Any,
    checkpoint: Any,
    resume: Any,
) -> None:
    """What is no number among the arguments."""
    check_kind("objective", objective, (Objective, NoneType), "an objective, such as lb.ELBO()")
    check_kind(
        "optimizer",
        optimizer,
        (NAdam, optax.GradientTransformation, NoneType),
        "lb.NAdam(…) or an Optax transformation, such as optax.adamw(1e-3)",
    )
    if optimizer is not None and learning_rate is not None:
        raise ValueError(
            "learning_rate: expected this short cut for NAdam's, or an optimizer, found both; give the rate "
            "to the optimizer, as lb.NAdam(learning_rate=1e-3) or optax.adamw(1e-3)"
        )
    check_validation(validation)
    check_callbacks(callbacks)
    check_kind("checkpoint", checkpoint, (Checkpoint, NoneType), "lb.Checkpoint(folder)")
    check_kind("resume", resume, (State, bool, NoneType), "True, or the state of a result, result.state")
    if resume is True and checkpoint is None:
        raise ValueError("resume: expected a checkpoint as well, found none; give lb.Checkpoint(folder)")
