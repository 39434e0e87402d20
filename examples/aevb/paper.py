"""The experiments of Kingma & Welling, Auto-Encoding Variational Bayes (2014), section 5: the data, the
networks, the two methods, and how a learning curve is made. Each figure_N.py beside this file draws one
figure; `docs/aevb.md` shows what came out.

The encoder and the decoder have one hidden layer of tanh units. Both methods have the same networks, the
same optimiser, minibatches of 100 rows, one sample a row, and a prior N(0, I) on the decoder's weights.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import numpyro.distributions as dist
import optax
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import lowerbound as lb

METHODS = {"aevb": lb.ELBO(), "wake-sleep": lb.WakeSleep()}
BATCH = 100

# Adam's constant rate is chosen for each curve as the paper chose Adagrad's: each of these is begun, and
# the one whose bound on training rows is best after TRIAL rows goes on.
RATES = (1e-3, 3e-3, 1e-2)
TRIAL = 50_000


class UnitGaussian(lb.DiagonalGaussian):
    """A Gaussian whose means lie in (0, 1), by a logistic function: the paper's decoder of Frey faces."""

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> dist.Distribution:
        return super().at(jax.nn.sigmoid(location), scale)


class Data(NamedTuple):
    """A data set as the paper models it: its rows, how the model sees one, and the family of a row."""

    name: str
    train: np.ndarray
    test: np.ndarray
    transform: lb.DynamicBinarization | lb.Dequantization
    pixels: lb.Family
    shape: tuple[int, int]
    hidden: int
    latents: tuple[int, ...]


def mnist(folder: Path) -> Data:
    """60,000 digits and 10,000, binarised anew whenever they are seen; Bernoulli pixels."""
    x = arrays(folder / "mnist.npz")
    train, test = (x[name].reshape(-1, 784) for name in ("x_train", "x_test"))
    binarize, pixels = lb.DynamicBinarization(), lb.Bernoulli(784)
    return Data("mnist", train, test, binarize, pixels, (28, 28), 500, (3, 5, 10, 20, 200))


def frey(folder: Path) -> Data:
    """1,965 frames of a film, 165 of them, drawn at random, to test; dequantised to [0, 1)."""
    x = arrays(folder / "frey_faces.npz")["x"].reshape(-1, 560)
    x = x[np.random.default_rng(0).permutation(len(x))]
    pixels = UnitGaussian(560)
    return Data("frey", x[165:], x[:165], lb.Dequantization(), pixels, (28, 20), 200, (2, 5, 10, 20))


DATA = {"mnist": mnist, "frey": frey}


def arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise SystemExit(f"{path}: no such file; name its folder by --folder or by LOWERBOUND_DATA")
    with np.load(path) as file:
        return dict(file)


def model(data: Data, latents: int, hidden: int, seed: int) -> lb.VAE:
    """p(z) = N(0, I), q(z∣x) Gaussian, p(x∣z) of the data's family."""
    encoder_key, decoder_key = jax.random.split(jax.random.key(seed))
    z, x = lb.DiagonalGaussian(latents), data.pixels
    network: dict[str, Any] = dict(width=hidden, depth=1, activation="tanh")
    return lb.VAE(
        prior=lb.StandardNormal(latents),
        posterior=lb.Conditional(lb.MLP(x.event_size, z.size, **network, key=encoder_key), z),
        likelihood=lb.Conditional(lb.MLP(latents, x.size, **network, key=decoder_key), x),
        transform=data.transform,
    )


# One object a rate, so that curves share compiled programs.
adam = cache(optax.adam)

# Trains until so many rows have been seen, from a state (None at the start): the model, and the new state.
Learner = Callable[[int, Any], tuple[lb.VAE, Any]]
Point = dict[str, float]


def ascent(
    data: Data, x: np.ndarray, start: lb.VAE, objective: lb.Objective, seed: int, rate: float
) -> Learner:
    """Stochastic gradient ascent on the mean of `objective` over the rows x, plus log p(θ)/N."""

    def until(rows: int, state: Any) -> tuple[lb.VAE, Any]:
        result = lb.fit(
            start,
            x,
            objective=objective,
            epochs=rows / len(x),
            batch_size=BATCH,
            optimizer=adam(rate),  # which limits no gradient, as the paper
            weight_prior=1.0,
            validation=0,
            resume=state,
            key=seed,
        )
        return result.model, result.state

    return until


def bounds(data: Data, x: np.ndarray, evaluated: int) -> Callable[[lb.VAE], Point]:
    """The bound on the first rows of x and of the test rows, with its standard error over rows: nats a row
    as the model sees it (a dequantised row is a point of [0, 1)ᵈ)."""

    def bound(trained: lb.VAE, rows: np.ndarray) -> tuple[float, float]:
        e = lb.log_evidence(trained, rows, samples=2, chunk_rows=128, chunk_samples=2)
        elbo = e.elbo - float(data.transform.log_jacobian(rows[0]))
        return float(elbo.mean()), float(elbo.std(ddof=1) / math.sqrt(len(elbo)))

    def assess(trained: lb.VAE) -> Point:
        train, train_error = bound(trained, x[:evaluated])
        test, test_error = bound(trained, data.test[:evaluated])
        return {"train": train, "train_error": train_error, "test": test, "test_error": test_error}

    return assess


def marks(rows: int) -> list[int]:
    """Where a curve is looked at: six places a factor of ten, from 10,000 rows seen."""
    places = 10 ** np.arange(4, math.log10(rows), 1 / 6)
    return [*(int(round(place, -3)) for place in places if place < 0.9 * rows), rows]


def curve(
    path: Path,
    learner: Callable[[float], Learner],
    assess: Callable[[lb.VAE], Point],
    options: argparse.Namespace,
    **about: Any,
) -> dict[str, Any]:
    """The learning curve kept in `path`.json, or else a new one, kept there; its last model in `path`.

    Every rate is begun; the best of the training rows after TRIAL rows goes on to the end.
    """
    file = path.with_suffix(".json")
    if file.exists():
        return json.loads(file.read_text())
    started, places = {}, marks(options.rows)
    trial = [place for place in places if place <= TRIAL] or places
    for rate in options.rates:
        started[rate] = followed(learner(rate), assess, trial, [], None)
    trials = {rate: points[-1]["train"] for rate, (points, _, _) in started.items()}
    rate = max(trials, key=lambda rate: np.nan_to_num(trials[rate], nan=-np.inf))
    points, trained, state = started[rate]
    if len(trial) < len(places):
        points, trained, _ = followed(learner(rate), assess, places[len(trial) :], points, state)
    found = {
        **about,
        "rate": rate,
        "trials": {f"{rate:g}": bound for rate, bound in trials.items()},
        "points": points,
    }
    lb.save(trained, path, overwrite=True)
    file.write_text(json.dumps(found, indent=1) + "\n")
    last = points[-1]
    shown = {name: f"{last[name]:.2f} ± {last[f'{name}_error']:.2f}" for name in ("train", "test")}
    print(
        f"{path.name}: rate {rate:g}, {last['rows']:,} rows in {last['seconds']:.0f} s; "
        f"training rows {shown['train']}, test rows {shown['test']} nats a row",
        flush=True,
    )
    return found


def followed(
    learner: Learner,
    assess: Callable[[lb.VAE], Point],
    places: Sequence[int],
    points: list[Point],
    state: Any,
) -> tuple[list[Point], lb.VAE, Any]:
    """The points at the places, appended to those before; the model and the state at the last."""
    seconds = points[-1]["seconds"] if points else 0.0
    for place in places:
        clock = time.perf_counter()
        trained, state = learner(place, state)
        jax.block_until_ready(jax.tree.leaves(lb.trainable(trained)))
        seconds += time.perf_counter() - clock
        points = [*points, {"rows": place, "seconds": round(seconds, 2), **assess(trained)}]
    return points, trained, state


def learned(
    data: Data, method: str, latents: int, options: argparse.Namespace
) -> tuple[dict[str, Any], lb.VAE]:
    """The curve of the bound for a method and a number of latents (figure 2), and the model at its end."""
    name = f"{data.name}-{latents}-{method}-{options.rows}-seed-{options.seed}"
    start = model(data, latents, data.hidden, options.seed)
    about = dict(
        data=data.name,
        method=method,
        latents=latents,
        hidden=data.hidden,
        n=len(data.train),
        seed=options.seed,
    )
    found = curve(
        options.out / "curves" / name,
        lambda rate: ascent(data, data.train, start, METHODS[method], options.seed, rate),
        bounds(data, data.train, options.evaluated),
        options,
        **about,
    )
    return found, lb.load(options.out / "curves" / name, like=start)


def parser(description: str, rows: int) -> argparse.ArgumentParser:
    """What every figure's command takes."""
    folder = Path(os.environ.get("LOWERBOUND_DATA") or Path(__file__).parents[3] / "shared" / "data")
    options = argparse.ArgumentParser(description=description.split("\n")[0])
    options.add_argument("--folder", type=Path, default=folder, help="of the data [LOWERBOUND_DATA]")
    options.add_argument(
        "--out",
        type=Path,
        default=Path("runs/aevb"),
        help="for results; curves in it are not run again [runs/aevb]",
    )
    options.add_argument("--rows", type=int, default=rows, help=f"training rows of a curve [{rows}]")
    options.add_argument("--evaluated", type=int, default=5000, help="rows of each bound [5000]")
    options.add_argument("--rates", type=float, nargs="+", default=RATES, help="of Adam, to choose from")
    options.add_argument("--seed", type=int, default=0, help="of weights, order and noise [0]")
    return options


def kept(figure: Figure, numbers: Any, options: argparse.Namespace, name: str) -> None:
    """The picture and its numbers, as `name`.png and `name`.json."""
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{name}.json").write_text(json.dumps(numbers, indent=1) + "\n")
    print(lb.figures.save(figure, options.out / f"{name}.png"))


# Blue, vermilion and green of Okabe & Ito, which colour-blind readers tell apart.
LOOKS = {
    "aevb": ("#0072b2", "AEVB"),
    "wake-sleep": ("#d55e00", "wake-sleep"),
    "mcem": ("#009e73", "Monte Carlo EM"),
}
INK, FAINT, DASHES = "#222222", "#777777", (0, (4, 2))


def panels(titles: Sequence[str], title: str, y_label: str) -> tuple[Figure, list[Axes]]:
    """Empty panels beside each other, over rows seen, that share their nats."""
    figure = Figure(figsize=(max(7.0, 2.0 * len(titles) + 0.6), 3.6), dpi=150, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    axes = list(figure.subplots(1, len(titles), sharey=True, squeeze=False)[0])
    for panel, name in zip(axes, titles, strict=True):
        panel.set_title(name, fontsize=10, color=INK)
        panel.set(xscale="log")
        panel.set_xlabel("training rows seen", fontsize=9, color=INK)
        panel.spines[:].set_color("#cccccc")
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#eeeeee", linewidth=0.8)
        panel.tick_params(which="both", length=0, labelsize=9, labelcolor=FAINT)
    axes[0].set_ylabel(y_label, color=INK)
    return figure, axes


def draw(panel: Axes, found: dict[str, Any]) -> None:
    """A curve: test rows as a line, training rows dashed."""
    colour, _ = LOOKS[found["method"]]
    rows = [point["rows"] for point in found["points"]]
    panel.plot(rows, [point["test"] for point in found["points"]], color=colour, linewidth=1.8)
    panel.plot(
        rows,
        [point["train"] for point in found["points"]],
        color=colour,
        linewidth=1.2,
        linestyle=DASHES,
    )


def finish(figure: Figure, methods: Sequence[str], low: float) -> None:
    """The legend, and the vertical axis from `low` upwards: the first steep rows would hide the rest."""
    lines = [
        Line2D([], [], color=colour, linewidth=width, linestyle=style, label=f"{name}, {rows} rows")
        for colour, name in (LOOKS[method] for method in methods)
        for rows, width, style in (("test", 1.8, "-"), ("training", 1.2, DASHES))
    ]
    figure.legend(
        handles=lines,
        loc="outside lower center",
        ncols=len(methods),
        frameon=False,
        labelcolor=INK,
        fontsize=9,
    )
    figure.axes[0].set_ylim(bottom=low)
