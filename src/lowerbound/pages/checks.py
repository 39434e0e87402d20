"""What was checked, and what to change."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from lowerbound.diagnosis.advice import Advice, worded
from lowerbound.diagnosis.diagnosis import Diagnosis
from lowerbound.pages.html import marked, paragraph, section
from lowerbound.text import counted

__all__ = ["checks"]


def checks(diagnosis: Diagnosis, wording: Callable[[Advice], str]) -> str:
    """The verdicts, faults first, and the notes."""
    ordered = sorted(diagnosis.verdicts, key=lambda verdict: verdict.healthy)
    items = []
    for verdict in ordered:
        kind, word = ("healthy", "healthy") if verdict.healthy else ("change", "to change")
        name = escape(verdict.name.capitalize())
        items.append(
            f'<li class="{kind}"><h3>{name} <span>{word}</span></h3>{paragraph(verdict.finding)}'
            + (
                f"<p><strong>Try:</strong> {marked(worded(verdict.advice, wording))}</p>"
                if verdict.advice
                else ""
            )
            + "</li>"
        )
    looked_at = f"looked at: {counted(diagnosis.rows, 'row')}; for the gaps, {diagnosis.gap_rows:,} of them"
    notes = "".join(f"<li>{marked(note)}</li>" for note in (*diagnosis.notes, looked_at))
    checks = f'<ul class="checks">{"".join(items)}</ul>'
    return section("checks", "What was checked", checks, f'<ul class="note">{notes}</ul>')
