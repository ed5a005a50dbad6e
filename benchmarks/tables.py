"""Tables of Markdown, and sections that answer one question each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

SILVER = (
    "The masks are a silver standard: a network of another group made them, and they "
    "miss thin branches. They compare methods, but give no absolute accuracy."
)


def table(head: Sequence, rows: Sequence[Sequence]) -> str:
    """Return a table with a head; cells by `str`."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def answer(question: str, conclusion: str, rows: str, how: str) -> str:
    """Return a section of the results.

    Parameters
    ----------
    question
        The heading: one question.
    conclusion
        The answer in a sentence, which is shown in bold and in the list of answers.
    rows
        The table that the answer rests on.
    how
        What was measured, by which script, on which machine and day.
    """
    return f"## {question}\n\n**{conclusion}**\n\n{rows.strip()}\n\n{how.strip()}\n"


def reached(verdicts: Iterable[bool]) -> str:
    """Return how many of several targets were reached, as ``"3 of 5 targets"``."""
    found = list(verdicts)
    return f"{sum(found)} of {len(found)} targets"


def listed(names: Sequence[str]) -> str:
    """Return names as one enumeration: ``"a, b and c"``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
