"""The command line: `lowerbound VERB …`, one file a verb."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 1 for a failure, 2 for a wrong call or bad data.

    An error is one line. With LOWERBOUND_DEBUG set, the traceback comes as well.
    """
    import typer

    from lowerbound.cli.app import app

    try:
        status = app(args=arguments, prog_name="lowerbound", standalone_mode=False)
        return int(status or 0)
    except typer.TyperException as error:  # the words of a call; typer shows them as a box, we as one line
        message = error.format_message()
        context = getattr(error, "ctx", None)  # of those that know the verb
        where = context.command_path if context else "lowerbound"
        return _fail(f"{message} (see {where} --help)", 2)
    except (ValueError, TypeError, OSError, ArithmeticError) as error:
        if os.environ.get("LOWERBOUND_DEBUG"):
            raise
        failed = (
            isinstance(error, (ArithmeticError, ConnectionError))
            or getattr(error, "errno", None) in _FAILURES
        )
        return _fail(" ".join(str(error).split()) or type(error).__name__, 1 if failed else 2)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", 130)


# What is no fault of the call: a full disk, one that cannot be written, one that breaks.
_FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


def _fail(message: str, status: int) -> int:
    print(f"lowerbound: {message}", file=sys.stderr)
    return status
