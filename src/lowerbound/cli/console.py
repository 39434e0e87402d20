"""What a person sees: progress while a verb works, and tables at its end."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lowerbound.archive.records import HistoryRecord, Metrics, as_json
from lowerbound.cli.outputs import print_json
from lowerbound.watch import Watch

if TYPE_CHECKING:
    from lowerbound.baselines.comparison import Evaluation
    from lowerbound.cluster.parts import Progress as InParts
    from lowerbound.data.mapped.passed import Passed
    from lowerbound.diagnosis.diagnosis import Verdict
    from lowerbound.evidence.ladder import Scored
    from lowerbound.workflow import Report

__all__ = [
    "Console",
    "Progress",
    "compilation_cache",
    "keep_programs",
    "plain_warnings",
    "print_comparison",
    "print_findings",
    "print_metrics",
    "print_report",
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

    jax.config.update("jax_compilation_cache_dir", str(_cache() / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def keep_programs() -> None:
    """Keep traced programs beside the compiled ones, so that they are not traced again, and of these the
    smallest, too: nothing is to be compiled where all were kept."""
    import jax

    from lowerbound.data.kept import KEPT

    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    KEPT.open(_cache() / "programs")


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lowerbound"


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Warnings as one line each."""

    def show(message: Warning | str, *_: Any) -> None:
        say(f"lowerbound: warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = cast(Any, show)
        yield


class Console(Watch):
    """The person at the console: lines on standard error, and a bar while it works."""

    def said(self, text: str) -> None:
        say(text)

    @contextmanager
    def training(self) -> Iterator[Callable[[HistoryRecord], object]]:
        with Progress("epoch") as progress:
            yield progress.training

    @contextmanager
    def scoring(self, rows: int) -> Iterator[Callable[[Scored], object]]:
        with Progress("row", rows) as progress:
            yield progress.scoring

    @contextmanager
    def encoding(self) -> Iterator[Callable[[Passed], object]]:
        with ExitStack() as stack:
            begun: list[Progress] = []

            def told(passed: Passed) -> None:
                if not begun:  # nothing is shown where nothing is encoded
                    begun.append(stack.enter_context(Progress("row")))
                begun[0].encoding(passed)

            yield told


class Progress:
    """How far long work is, and the time left: a bar on a terminal, else a line every few seconds. Its
    methods `training`, `scoring` and `searching` are callbacks of `fit`, whose records say of how many epochs
    they are, of `log_evidence`, and of `search`."""

    def __init__(self, unit: str, total: float = 0.0) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.unit, self.total, self.said = unit, total, 0.0
        self.what = ""
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

    def training(self, record: HistoryRecord) -> None:
        """A record of the history."""
        bound = f"bound {record['bound']:.2f}"
        if "validation_bound" in record:
            bound += f", held out {record['validation_bound']:.2f}"
        bound += f" nats a row, {record['examples_per_second']:,.0f} rows/s"
        self.total = record["of_epochs"]
        self._show(record["epoch"], bound)

    def scoring(self, record: Scored) -> None:
        """A record of the rows that are scored."""
        from lowerbound.text import with_error

        mean = with_error(record["log_prob"], record["standard_error"])
        self._show(record["rows"], f"log p(x) {mean} nats a row")

    def encoding(self, passed: Passed) -> None:
        """Rows that are looked at, and then encoded."""
        if passed["what"] != self.what:
            self.what, self.clock, self.said = passed["what"], time.perf_counter(), 0.0
        self.total = passed["of"] or 0
        rate = passed["rows"] / max(time.perf_counter() - self.clock, 1e-9)
        self._show(passed["rows"], f"{passed['what']}, {rate:,.0f} rows/s")

    def in_parts(self, record: InParts) -> None:
        """A record of the parts that are written."""
        refused = f", {record.refused:,} refused" if record.refused else ""
        self.total = record.of
        self._show(record.parts, f"{record.rows:,} rows{refused}, {record.rows / record.seconds:,.0f} rows/s")

    def searching(self, calls: int, best: float) -> None:
        """The calls of a score, and the best so far."""
        if calls:
            self._show(calls, f"best {best:.4g}")

    def _show(self, done: float, text: str) -> None:
        if self.bar:
            self.bar.update(self.task, total=self.total or done, completed=done, text=text)
            return
        seconds = time.perf_counter() - self.clock
        if not self.total:
            if seconds - self.said >= 2:
                self.said = seconds
                say(f"{self.unit} {done:.0f}: {text}")
            return
        left = max(0.0, seconds * (self.total / done - 1))
        if seconds - self.said >= 2 or (left == 0 and self.said > 0):
            self.said = seconds
            say(f"{self.unit} {done:.0f}/{self.total:g}: {text}, at most {left:.0f} s left")


def print_metrics(metrics: Metrics) -> None:
    """The table of a model and its baselines: log p(x) with its error, and paired differences."""
    from lowerbound.baselines.comparison import baseline_ahead, not_reliable
    from lowerbound.evidence.ladder import found_by
    from lowerbound.text import counted, named_rows, short, with_error

    width = max(map(len, ["log p(x), this model", *metrics.baselines]))
    print(f"{counted(metrics.n_rows, 'row')} of {metrics.n_dims}; nats a row ± standard error over rows;")
    print(metrics.measure)
    model = with_error(metrics.log_likelihood, metrics.log_likelihood_standard_error)
    print(
        f"  {'log p(x), this model':{width}}  {model:>18}   "
        f"(Monte-Carlo error {short(metrics.log_likelihood_monte_carlo_error)}; "
        f"{metrics.bits_per_dim:.3f} bits/dim)"
    )
    elbo = with_error(metrics.elbo, metrics.elbo_standard_error)
    print(
        f"  {'bound (ELBO)':{width}}  {elbo:>18}   (distortion {metrics.distortion:.2f}, "
        f"rate {metrics.rate:.2f})"
    )
    if metrics.baselines:
        print(f"  {'baselines':{width}}  {'':18}   model − baseline, paired over rows")
    for name, b in metrics.baselines.items():
        score = with_error(b.log_likelihood, b.standard_error)
        difference = with_error(b.difference, b.difference_standard_error, sign=True)
        print(f"  {name:{width}}  {score:>18}   {difference:18}  {b.note}")
    print(f"  log p(x) by {found_by(metrics.methods, metrics.samples)}")
    for sentence in filter(None, (not_reliable(metrics), baseline_ahead(metrics))):
        print(f"  {sentence}")
    if rows := metrics.rows_not_finite:
        others = "(counted from 0): the figures are those of the others"
        print(f"  log p(x) or its bound is not finite for {named_rows(rows)} {others}")
    known = {"trained": metrics.rows_trained_on, "chose": metrics.rows_that_chose_the_model}
    for what, rows_known in known.items():
        if rows_known:
            print(f"  NOTE: {rows_known} of these rows {what} the model: this is no held-out figure")
    if rows_known := metrics.rows_repeated:
        print(f"  {rows_known} of these rows equal rows that it has seen: as many as repeat in the data")


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """What was found to be wrong, and what to try."""
    from lowerbound.cli.advice import as_option
    from lowerbound.diagnosis.advice import worded
    from lowerbound.diagnosis.diagnosis import overall

    print(overall(verdicts))
    for verdict in verdicts:
        if not verdict.healthy:
            print(f"  {verdict.name}: {verdict.finding} Try: {worded(verdict.advice, as_option)}")


def print_findings(metrics: Metrics, verdicts: Sequence[Verdict] | None, json: bool) -> None:
    """The verdicts on a single model; as JSON its metrics as well."""
    if json:
        print_json(as_json(metrics) | ({} if verdicts is None else {"verdicts": as_json(verdicts)}))
    elif verdicts is not None:
        print_verdicts(verdicts)


def print_comparison(evaluations: Mapping[str, Evaluation], json: bool) -> None:
    """Several models, and the first one's log p(x) minus the others', paired over rows."""
    from lowerbound.baselines.comparison import differences
    from lowerbound.text import with_error

    metrics = {name: evaluation.metrics for name, evaluation in evaluations.items()}
    paired = differences(evaluations)
    if json:
        found = {other: difference._asdict() for other, difference in paired.items()}
        print_json({"models": metrics, "differences": found})
        return
    for name, record in metrics.items():
        print(name)
        print_metrics(record)
    for other, (difference, error) in paired.items():
        words = with_error(difference, error, sign=True)
        print(f"{next(iter(metrics))} − {other}: {words} nats a row, paired over rows")


def print_report(page: Report, name: str, out: Path, size: int, json: bool) -> None:
    """What a page of so many bytes tells of, and where it is."""
    from lowerbound.baselines.comparison import baseline_ahead
    from lowerbound.text import named_rows

    verdicts, metrics = page.diagnosis.verdicts, page.evaluation.metrics
    lost = metrics.rows_not_finite
    if json:
        rows = {"rows": metrics.n_rows, "rows_not_finite": lost}
        judged = {} if page.quality is None else {"synthetic": page.quality.to_json()}
        print_json({"out": str(out), "bytes": size, **rows, "verdicts": verdicts, **judged})
    else:
        if sentence := baseline_ahead(metrics):
            print(f"{sentence}.")
        print_verdicts(verdicts)
        if page.quality is not None:
            print(page.quality)
        say(f"wrote {out} ({size / 1e6:.1f} MB)")
    if lost:
        words = f"log p(x) or its bound is not finite for {named_rows(lost)} (counted from 0)"
        say(f"lowerbound: {name}: {words}")


def report_written(out: Path, rows: int, columns: int, json: bool) -> None:
    """What was written where: a line, or JSON on standard output."""
    if json:
        print_json({"out": str(out), "rows": rows, "columns": columns})
    else:
        say(f"wrote {out} ({rows} rows of {columns})")
