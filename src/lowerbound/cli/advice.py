"""Advice in the command line's words."""

from __future__ import annotations

from lowerbound.diagnosis.advice import Advice

__all__ = ["as_option"]


def as_option(advice: Advice) -> str:
    """An option of `lowerbound fit`, or what only Python has.

    >>> as_option(Advice("latent_dim", 7)), as_option(Advice("clip_norm", 10.0, of="NAdam"))
    ('--latent-dim 7', 'in Python lb.NAdam(clip_norm=10.0)')
    """
    if advice.of:
        return f"in Python {advice}"
    return f"--{advice.argument.replace('_', '-')} {advice.value}"
