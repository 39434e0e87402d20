"""`fit`: maximise the mean bound over the rows of a data set."""

from __future__ import annotations

import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int, PRNGKeyArray, PyTree

from lowerbound.data.rows import Rows as HostRows
from lowerbound.data.rows import checked, padded_size
from lowerbound.leaves import partition
from lowerbound.models.latent_model import LatentModel
from lowerbound.objectives.bounds import ELBO
from lowerbound.objectives.objective import Objective
from lowerbound.randomness.keys import as_key
from lowerbound.training.state import TERMS, Rows, Run, State
from lowerbound.training.step import advance, assess

__all__ = ["Result", "TrainingWarning", "default_epochs", "fit"]

Record = dict[str, float]
Callback = Callable[[Mapping[str, Any]], object]

# Adam with Nesterov's momentum (Dozat 2016), on MNIST 0.4 nats ahead of Adam's own, elsewhere level with it.
# One object for every fit with the default optimiser, so that they share a compiled program.
NADAM = optax.scale_by_adam(nesterov=True)
_LEARNING_RATE = 2e-3


class TrainingWarning(UserWarning):
    """Training ended in a way that its user should know of."""


@dataclass(frozen=True)
class Result:
    """What `fit` returns.

    `model`: the best on the validation rows, or the latest where there are none; `history`: a record a
    chunk (nats a row); `state`: to go on from, `fit(…, resume=result.state)`; `stopped`: why training
    ended, `"epochs"`, `"patience"`, `"interrupted"`, `"callback"` or `"not finite"`; `best_step`: the
    step of `model`; `train_rows`, `validation_rows`: the split, as row numbers of x (the second is `None`
    where validation rows were handed in, or none were kept back).
    """

    model: Any
    history: list[Record]
    state: State
    stopped: str
    best_step: int
    train_rows: Int[np.ndarray, " n"]
    validation_rows: Int[np.ndarray, " m"] | None


def fit(
    model: LatentModel,
    x: Any,
    *,
    objective: Objective | None = None,
    given: Any = None,
    epochs: float | None = None,
    batch_size: int = 128,
    learning_rate: float | None = None,
    warm_up: float = 0.05,
    optimizer: optax.GradientTransformation | None = None,
    clip_norm: float | None = 100.0,
    averaging: float | None = None,
    weight_prior: float | None = None,
    precision: str | None = None,
    validation: float | Any = 0.1,
    patience: float | None = 40,
    callbacks: Sequence[Callback] = (),
    devices: int | None = None,
    resume: State | None = None,
    key: PRNGKeyArray | int = 0,
) -> Result:
    """Maximise the mean of `objective` over the rows of `x` by stochastic gradient ascent.

    The rows live on the device in their own type; a chunk of steps, with its shuffling, transform and
    noise, is one compiled loop. The run is a function of `key` and its arguments: the same call gives the
    same model, and a run that went on from a state ends where an uninterrupted one does.

    **Arguments:**

    - `model`: its trainable arrays are the start; it is not changed.
    - `x`: (n, d); `given`: the condition of each row, (n, c).
    - `objective`: by default `ELBO()`, the bound with an analytic KL where there is one.
    - `epochs`: passes over the training rows, by default [`default_epochs`][].
    - `batch_size`: rows a step. 128 is small enough to learn from a thousand rows.
    - `learning_rate`: of NAdam (Dozat 2016), by default 2e-3; it warms up linearly over the share
      `warm_up` of all steps and falls to 0 as half a cosine. With an `optimizer` of your own it must stay
      `None`.
    - `optimizer`: any Optax transformation; its updates are applied as they come.
    - `clip_norm`: largest norm of a step's gradient, in nats; `None` for no limit. Few steps reach 100, but
      one that is far above it stays in Adam's memory for a thousand: without a limit Frey faces ended 217
      nats lower, and one of four runs on white wine, which has an outlier, was not finite.
    - `averaging`: decay of an exponential average of the weights, such as 0.999, which is then what is
      evaluated and returned.
    - `weight_prior`: scale s of a prior N(0, s²) on the weights θ of prior and likelihood: MAP, the mean
      bound plus log p(θ)/N.
    - `precision`: `"bfloat16"` rounds the factors of the networks' matrix products to 8 bits of mantissa in
      the steps, which are 1.2 to 1.8 times as fast where the processor multiplies such numbers; sums,
      weights and the look at the validation rows stay float32. By default nothing is rounded.
    - `validation`: a share of the rows, drawn by `key`, that chooses the best model and is not trained
      on; or rows themselves, an array (or the pair `(x, given)` with a condition); 0 for none.
    - `patience`: training stops after this many epochs without a better bound on the validation rows;
      `None` for never.
    - `callbacks`: each is called with every record of the history; one that returns `True` stops.
    - `devices`: how many local devices share a batch, by default all that divide it evenly.
    - `resume`: the `state` of a result of the same call with other `epochs`.
    - `key`: a key or a seed.

    **Raises:** `TypeError` and `ValueError` for data that are no finite real numbers, of a wrong width,
    or outside the likelihood's support. A term that is not finite, and Ctrl-C, stop training with a
    [`TrainingWarning`][] and give back the best model so far.

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
    split_key, run_key = jax.random.split(as_key(key))
    table = held_out = checked(model, x, given)
    if isinstance(validation, (int, float)):
        train_rows, held_rows = _split(len(table.x), validation, split_key)
    else:
        held_x, held_given = validation if isinstance(validation, tuple) else (validation, None)
        held_out = checked(model, held_x, held_given, "validation")
        train_rows, held_rows = np.arange(len(table.x)), np.arange(len(held_out.x))
    n = len(train_rows)
    if epochs is None:
        epochs = default_epochs(n, batch_size)
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if not value > 0:
            raise ValueError(f"fit: expected {name} above 0, found {value!r}")
    if optimizer is not None and learning_rate is not None:
        raise ValueError(
            "fit: expected a learning_rate (NAdam's) or an optimizer, found both; give the rate to the "
            "optimizer, as optax.adamw(1e-3)"
        )
    if precision not in (None, "bfloat16"):
        raise ValueError(
            f'fit: expected precision None (that of the arrays) or "bfloat16", found {precision!r}'
        )
    if learning_rate is None:
        learning_rate = _LEARNING_RATE
    batch_size = min(int(batch_size), n)
    steps_per_epoch = n / batch_size
    total_steps = math.ceil(epochs * steps_per_epoch)
    parameters, constants = partition(model)
    _check_parameters(parameters)
    mesh = _mesh(devices, batch_size)
    run = Run(
        constants=constants,
        objective=_traced(objective or ELBO()),
        optimizer=optimizer or NADAM,
        train=_on_device(table, train_rows),
        validation=_on_device(held_out, held_rows) if len(held_rows) else None,
        learning_rate=None if optimizer is not None else _number(learning_rate),
        warm_up=jnp.asarray(max(1.0, warm_up * total_steps)),
        total_steps=jnp.asarray(float(total_steps)),
        clip_norm=_number(clip_norm),
        averaging=_number(averaging),
        weight_prior=_number(weight_prior),
        batch_size=batch_size,
        mesh=mesh,
    )
    # The state's buffers are given up at every step: a state that is resumed stays the caller's.
    state = State.initial(parameters, run, run_key) if resume is None else jax.tree.map(jnp.copy, resume)
    if mesh is not None:
        run, state = eqx.filter_shard((run, state), NamedSharding(mesh, PartitionSpec()))
    chunk_rows = n * math.ceil(_FEWEST_STEPS / steps_per_epoch)  # whole epochs
    history: list[Record] = []
    stopped = "epochs"
    pace = _Pace()
    # Compiled while the steps are, for which a first fit waits as long; what was compiled costs 1 ms.
    looking = assess.lower(run, state)  # type: ignore[attr-defined]  # it has one by eqx.filter_jit
    threading.Thread(target=looking.compile).start()
    with _interrupts() as interrupted:
        while (begin := int(state.step)) < total_steps:
            # In whole numbers: a quotient that is rounded may leave a chunk without a step.
            chunk = begin * batch_size // chunk_rows + 1
            stop = min(-(-chunk * chunk_rows // batch_size), total_steps)
            clock = time.perf_counter()
            with jax.default_matmul_precision(precision or jax.default_matmul_precision.value):
                state, sums = _steps(run, state, stop, pace, interrupted)
            steps = int(state.step) - begin
            if bad := [name for name in TERMS if not bool(state.finite[name])]:
                stopped = "not finite"
                warnings.warn(_diagnosis(bad, int(state.step), steps_per_epoch), TrainingWarning, 2)
                break
            state, held_out_terms = assess(run, state)
            seconds = time.perf_counter() - clock
            record: Record = {
                "step": int(state.step),
                "epoch": float(state.step) / steps_per_epoch,
                **{name: sums[name] / steps for name in TERMS},
                **{f"validation_{name}": float(held_out_terms[name]) for name in held_out_terms},
                "best_step": int(state.best_step),
                "seconds": seconds,
                "examples_per_second": steps * batch_size / seconds,
            }
            history.append(record)
            if any([callback(record) is True for callback in callbacks]):
                stopped = "callback"
            elif interrupted.is_set():
                stopped = "interrupted"
            elif (
                patience is not None
                and run.validation is not None
                and int(state.step) - int(state.best_step) > patience * steps_per_epoch
            ):
                stopped = "patience"
            if stopped != "epochs":
                break
    if stopped == "interrupted":
        warnings.warn(
            f"training was interrupted at step {int(state.step)} of {total_steps}; the best model so "
            f"far, of step {int(state.best_step)}, is given back",
            TrainingWarning,
            stacklevel=2,
        )
    if (unfinished := run.objective.unfinished(int(state.step))) is not None:
        warnings.warn(unfinished, TrainingWarning, stacklevel=2)
    return Result(
        model=eqx.combine(state.best, constants),
        history=history,
        state=state,
        stopped=stopped,
        best_step=int(state.best_step),
        train_rows=train_rows,
        validation_rows=held_rows if held_out is table and len(held_rows) else None,
    )


def default_epochs(n: int, batch_size: int) -> int:
    """As many passes as make 4,000 steps, but at least 40, for large data, and at most 400, for small.

    >>> default_epochs(1437, 128), default_epochs(60_000, 128)
    (356, 40)
    """
    return min(400, max(40, round(4000 * batch_size / n)))


# A chunk is the least number of epochs that has this many steps: small data would otherwise spend its
# time on the look at the validation rows and in Python.
_FEWEST_STEPS = 20


class _Pace:
    """How many steps to ask for in one compiled call, so that it lasts about a second: long enough that
    Python costs nothing, short enough that Ctrl-C is heard. The numbers do not depend on it."""

    def __init__(self) -> None:
        self.steps = 10

    def update(self, steps: int, seconds: float) -> None:
        self.steps = max(1, min(8 * self.steps, int(steps / max(seconds, 1e-6))))


def _steps(
    run: Run, state: State, stop: int, pace: _Pace, interrupted: threading.Event
) -> tuple[State, dict[str, float]]:
    """Steps until `stop`, a term that is not finite, or Ctrl-C; with the sums of the terms."""
    sums = dict.fromkeys(TERMS, 0.0)
    while (begin := int(state.step)) < stop:
        clock = time.perf_counter()
        state, added = advance((run, jnp.asarray(min(begin + pace.steps, stop))), state)
        for name in TERMS:
            sums[name] += float(added[name])
        pace.update(int(state.step) - begin, time.perf_counter() - clock)
        if interrupted.is_set() or not all(bool(state.finite[name]) for name in TERMS):
            break
    return state, sums


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Sets an event at the first Ctrl-C, since an exception amid a step would lose the state whose
    buffers the step was given; the second Ctrl-C is as ever. Other threads have no signals."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    previous = signal.getsignal(signal.SIGINT)

    def first(number: int, frame: Any) -> None:
        event.set()
        signal.signal(signal.SIGINT, previous)

    if previous is None:  # set outside Python: it is not ours to replace
        yield event
        return
    signal.signal(signal.SIGINT, first)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, previous)


def _diagnosis(terms: list[str], step: int, steps_per_epoch: float) -> str:
    named = [name for name in terms if name in ("log_likelihood", "kl")] or terms
    advice = {
        "log_likelihood": "the likelihood overflowed or met a value of probability 0",
        "kl": "the posterior's scale overflowed or vanished",
    }
    reasons = "; ".join(advice[name] for name in named if name in advice)
    return (
        f"training stopped at step {step} (epoch {step / steps_per_epoch:.2f}): {' and '.join(named)} "
        f"is not finite{': ' + reasons if reasons else ''}. The best model so far is kept. Try a smaller "
        "learning_rate, clip_norm=10, data on a scale of about 1 (Standardization), or a likelihood "
        "whose scale does not depend on z (LearnedScale)"
    )


def _split(n: int, validation: float, key: PRNGKeyArray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the training and of the validation rows."""
    if not 0 <= validation < 1:
        raise ValueError(f"fit: expected validation to be a share in [0, 1) or rows, found {validation}")
    held = round(validation * n)
    if held == n:
        raise ValueError(f"fit: validation={validation} of {n} rows leaves none to train on")
    if held == 0:
        return np.arange(n), np.arange(0)
    # NumPy's generator, since JAX's would compile a program for every n.
    order = np.random.default_rng(np.asarray(jax.random.key_data(key))).permutation(n)
    is_held = np.zeros(n, bool)
    is_held[order[:held]] = True
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def _check_parameters(parameters: PyTree) -> None:
    leaves = jax.tree.leaves(parameters)
    if not leaves:
        raise ValueError("fit: nothing to train, the model's parts hold no arrays")
    if len({id(leaf) for leaf in leaves}) < len(leaves):
        raise ValueError(
            "fit: one array stands in two places of the model, and training would give each its own "
            "copy; build the parts with arrays of their own (another key)"
        )


def _on_device(table: HostRows, rows: np.ndarray) -> Rows:
    given = None if table.given is None else _padded(table.given, rows)
    return Rows(x=_padded(table.x, rows), given=given, n=jnp.asarray(len(rows)))


def _padded(array: np.ndarray, rows: np.ndarray) -> Array:
    """array[rows], filled up with zeros to a size that few data sets do not share; copied once, into memory
    that a CPU's device takes as it stands since it begins at a multiple of 64 bytes."""
    dtype = jax.dtypes.canonicalize_dtype(array.dtype)
    shape = (padded_size(len(rows)), *array.shape[1:])
    size = math.prod(shape) * dtype.itemsize
    memory = np.zeros(size + 64, np.uint8)
    begin = -memory.ctypes.data % 64
    filled = memory[begin : begin + size].view(dtype).reshape(shape)
    for start in range(0, len(rows), _TAKEN_TOGETHER):
        some = rows[start : start + _TAKEN_TOGETHER]
        # No row's number is to be clipped: any other mode goes through a buffer.
        np.take(array, some, axis=0, out=filled[start : start + len(some)], mode="clip")
    on_device: Array = jax.device_put(filled)
    return on_device


_TAKEN_TOGETHER = 8192  # rows, few enough to stay in a cache on their way


def _traced(objective: Objective) -> Objective:
    """The objective with its floats as arrays, so that another β compiles nothing."""
    traced: Objective = jax.tree.map(
        lambda leaf: jnp.asarray(leaf) if isinstance(leaf, float) else leaf, objective
    )
    return traced


def _number(value: float | None) -> Array | None:
    return None if value is None else jnp.asarray(float(value))


def _mesh(devices: int | None, batch_size: int) -> Mesh | None:
    """The local devices that share a batch; `None` for a single one."""
    local = jax.local_devices()
    if devices is None:
        count = max(k for k in range(1, len(local) + 1) if batch_size % k == 0)
    elif not 1 <= devices <= len(local):
        raise ValueError(f"devices: expected 1 to {len(local)}, found {devices}")
    elif batch_size % devices:
        raise ValueError(
            f"devices: expected a number that divides the batch of {batch_size} rows, found {devices}"
        )
    else:
        count = devices
    return None if count == 1 else Mesh(np.array(local[:count]), ("batch",))
