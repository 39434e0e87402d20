"""What `fit` does where it is stopped, and where it goes on."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

from lowerbound.cli.console import say
from lowerbound.cli.outputs import usable_folder
from lowerbound.runs import RunFolder
from lowerbound.training.checkpoint import seconds_of

__all__ = ["check_folder", "options_of", "stops", "whole_run"]

# What may be said anew where a run goes on.
_MAY_CHANGE = {
    *("out", "overwrite", "resume", "json", "epochs", "patience", "minutes", "checkpoint_every", "devices"),
    *("coordinator", "processes", "process", "distributed"),
}


def options_of(context: typer.Context) -> dict[str, str]:
    """What the verb was called with that has to be the same where its run goes on, as text by name."""
    said = {name: value for name, value in context.params.items() if name not in _MAY_CHANGE}
    return {f"--{name.replace('_', '-')}": str(value) for name, value in sorted(said.items())}


def whole_run(out: Path) -> RunFolder | None:
    """The run in `out`, said to be whole, where it is."""
    if not RunFolder(out).is_whole:
        return None
    say(f"{out}: the run is whole")
    return RunFolder(out)


def check_folder(out: Path, overwrite: bool, resume: bool, checkpoint_every: str, *, writes: bool) -> None:
    """Whether a run can be written to `out` by a process that `writes` it, and where it goes on; said before
    any work is done.

    **Raises:** as [`usable_folder`][lowerbound.cli.outputs.usable_folder]; `ValueError` for both options,
    and for a time that is none.
    """
    seconds_of("--checkpoint-every", checkpoint_every)
    if overwrite and resume:
        raise ValueError("--overwrite begins again and --resume goes on: expected one of them, found both")
    if not writes:
        return
    unfinished = RunFolder(out).checkpoints.is_dir()
    if unfinished and not (overwrite or resume):
        raise FileExistsError(
            f"--out {out}: the folder holds a run that is not whole; go on with --resume, or begin again "
            "with --overwrite"
        )
    usable_folder(out, overwrite or unfinished)
    if resume:
        saved = RunFolder(out).saved
        say(f"going on from {saved[0]}" if saved else f"{out}: nothing is saved there, the run begins")


@contextmanager
def stops(out: Path) -> Iterator[None]:
    """Within it SIGTERM ends with the exit status 143; where that or Ctrl-C does, the command is printed that
    goes on with the run in `out`."""
    previous = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if RunFolder(out).saved:
            words = [word for word in sys.argv[1:] if word not in ("--overwrite", "--resume")]
            command = shlex.join(["lowerbound", *words, "--resume"])
            say(f"lowerbound: what is trained is saved; go on with: {command}")
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)


def _terminated(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)
