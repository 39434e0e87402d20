"""What a person sees: progress while a verb works, and tables at its end."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import numpy as np

    from lowerbound.diagnosis.diagnosis import Verdict

__all__ = [
    "Progress",
    "compilation_cache",
    "plain_warnings",
    "print_differences",
    "print_metrics",
    "print_verdicts",
    "report_written",
    "say",
]


def say(text: str) -> None:
    """A line for the person who waits: standard error, so that standard output is the result alone."""
    print(text, file=sys.stderr, flush=True)


def compilation_cache() -> None:
    """Keep compiled programs between commands, in the user's cache folder: 3 s are 0.6 s the next time."""
    import jax

    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", str(home / "lowerbound" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Warnings as one line each."""

    def show(message: Warning | str, *_: Any) -> None:
        say(f"lowerbound: warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = cast(Any, show)
        yield


class Progress:
    """How far long work is, and the time left: a bar on a terminal, else a line every few seconds. Its
    methods `training` and `scoring` are callbacks of `fit` and of `log_evidence`."""

    def __init__(self, unit: str, total: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.unit, self.total, self.said = unit, total, 0.0
        console = Console(stderr=True)
        self.bar = None
        if console.is_terminal:
            columns = (f"{unit} {{task.completed:.0f}}/{{task.total:.0f}}", "{task.fields[text]}")
            self.bar = Bar(
                BarColumn(24),
                *map(TextColumn, columns),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self.task = self.bar.add_task("", total=total, text="compiling")

    def __enter__(self) -> Progress:
        self.clock = time.perf_counter()
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def training(self, record: Mapping[str, Any]) -> None:
        """A record of the history."""
        bound = f"bound {record['bound']:.2f}"
        if "validation_bound" in record:
            bound += f", held out {record['validation_bound']:.2f}"
        bound += f" nats a row, {record['examples_per_second']:,.0f} rows/s"
        self._show(record["epoch"], bound)

    def scoring(self, record: Mapping[str, Any]) -> None:
        """A record of the rows that are scored."""
        from lowerbound.text import with_error

        mean = with_error(record["log_prob"], record["standard_error"])
        self._show(record["rows"], f"log p(x) {mean} nats a row")

    def _show(self, done: float, text: str) -> None:
        if self.bar:
            self.bar.update(self.task, completed=done, text=text)
            return
        seconds = time.perf_counter() - self.clock
        left = seconds * (self.total / done - 1)
        if seconds - self.said >= 2 or (left == 0 and self.said > 0):
            self.said = seconds
            say(f"{self.unit} {done:.0f}/{self.total:g}: {text}, at most {left:.0f} s left")


def print_metrics(metrics: Mapping[str, Any]) -> None:
    """The table of a model and its baselines: log p(x) with its error, and paired differences."""
    from lowerbound.text import named_rows, with_error

    width = max(map(len, ["log p(x), this model", *metrics["baselines"]]))
    print(f"{metrics['n_rows']} rows of {metrics['n_dims']}; nats a row ± standard error over rows;")
    print(f"{metrics['measure']}")
    model = with_error(metrics["log_likelihood"], metrics["log_likelihood_standard_error"])
    print(
        f"  {'log p(x), this model':{width}}  {model:>18}   ({metrics['samples']} "
        f"{'samples' if metrics['method'] == 'importance' else 'annealed chains'}, "
        f"Monte-Carlo error {metrics['log_likelihood_monte_carlo_error']:.3f}; "
        f"{metrics['bits_per_dim']:.3f} bits/dim)"
    )
    elbo = with_error(metrics["elbo"], metrics["elbo_standard_error"])
    print(
        f"  {'bound (ELBO)':{width}}  {elbo:>18}   (distortion {metrics['distortion']:.2f}, "
        f"rate {metrics['rate']:.2f})"
    )
    if metrics["baselines"]:
        print(f"  {'baselines':{width}}  {'':18}   model − baseline, paired over rows")
    for name, b in metrics["baselines"].items():
        score = with_error(b["log_likelihood"], b["standard_error"])
        difference = with_error(b["difference"], b["difference_standard_error"], sign=True)
        print(f"  {name:{width}}  {score:>18}   {difference:18}  {b['note']}")
    if metrics["k_hat_above_0.7"] > 0:
        print(
            f"  k-hat is above 0.7 in {metrics['k_hat_above_0.7']:.1%} of rows: there log p(x) is likely "
            "too low and its error too small; more samples help, or --method annealed"
        )
    if rows := metrics["rows_not_finite"]:
        print(
            f"  log p(x) or its bound is not finite for {named_rows(rows)} (counted from 0): the figures are "
            "those of the others"
        )
    for key, what in (("rows_trained_on", "trained"), ("rows_that_chose_the_model", "chose")):
        if metrics[key]:
            print(f"  NOTE: {metrics[key]} of these rows {what} the model: this is no held-out figure")


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """What was found to be wrong, and what to try."""
    from lowerbound.cli.advice import as_option
    from lowerbound.diagnosis.advice import worded
    from lowerbound.diagnosis.diagnosis import overall

    print(overall(verdicts))
    for verdict in verdicts:
        if not verdict.healthy:
            print(f"  {verdict.name}: {verdict.finding} Try: {worded(verdict.advice, as_option)}")


def print_differences(first: str, differences: Mapping[str, Mapping[str, float]]) -> None:
    """The first model's log p(x) minus the others', paired over rows."""
    from lowerbound.text import with_error

    for other, d in differences.items():
        difference = with_error(d["difference"], d["standard_error"], sign=True)
        print(f"{first} − {other}: {difference} nats a row, paired over rows")


def report_written(out: Path, rows: np.ndarray, json: bool) -> None:
    """What was written where: a line, or JSON on standard output."""
    if json:
        print(dumps({"out": str(out), "rows": rows.shape[0], "columns": rows.shape[1]}))
    else:
        say(f"wrote {out} ({rows.shape[0]} rows of {rows.shape[1]})")
