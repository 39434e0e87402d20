"""The help of every verb as one page: `python -m lowerbound.cli.reference > docs/cli.md`."""

from __future__ import annotations

__all__ = ["reference"]

_HEAD = """# The command line

Generated from the program's own help by `python -m lowerbound.cli.reference`; a test holds the two together.

`lowerbound VERB ...`, or `python -m lowerbound VERB ...`. Errors are one line on standard error; the exit \
status is 2 for a wrong call or bad data and 1 for a failure. `lowerbound --install-completion` installs \
completion for the shell in use.
"""


def reference() -> str:
    """Help texts as Markdown, at a width of 100 whatever the terminal."""
    import typer

    from lowerbound.cli.app import app

    group = typer.main.get_command(app)
    parts = [_HEAD]
    context = typer.Context(group, info_name="lowerbound")
    for name in group.list_commands(context):  # type: ignore[attr-defined]
        command = group.get_command(context, name)  # type: ignore[attr-defined]
        inside = typer.Context(
            command, parent=context, info_name=name, terminal_width=100, max_content_width=100
        )
        parts.append(f"## {name}\n\n```\n{command.get_help(inside).strip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(reference(), end="")
