"""The section of RESULTS.md on the mutation check."""

from __future__ import annotations

from typing import Any

from tables import answer, table

COUNTS = ("mutants", "killed", "survived", "equivalent")


def mutation(found: dict[str, Any]) -> str:
    """Return the counts of each package, the equivalent mutants and the survivors."""
    packages = found["packages"]
    total = {
        name: sum(counted[name] for counted in packages.values()) for name in COUNTS
    }
    rows = [
        (name, *(counted[one] for one in COUNTS), _share(counted))
        for name, counted in {**packages, "**all**": total}.items()
    ]
    head = ("package", *COUNTS, "killed of those not equivalent")
    how = (
        f"`scripts/mutate.py --seed {found['seed']}` at {found['commit']}: small "
        "faults drawn from five packages, each tested with the tests of its own "
        "package. A fault that makes tests hang counts as killed. "
        "Equivalent faults "
        f"change nothing that can be observed. {found['machine']}, {found['date']}."
    )
    lists = [
        *_listed("Equivalent, with the reason", "equivalent", found["mutants"]),
        *_listed("Survivors", "survived", found["mutants"]),
    ]
    return answer(
        "Do the tests notice small faults in the code?",
        f"They notice {_share(total)} of the faults that change the behaviour.",
        table(head, rows),
        "\n".join([how, "", *lists]),
    )


def _share(counted: dict[str, int]) -> str:
    meant = counted["mutants"] - counted["equivalent"]
    return f"{100 * counted['killed'] / meant:.0f} %" if meant else ""


def _listed(title: str, result: str, mutants: list[dict[str, Any]]) -> list[str]:
    lines = [
        f"- {_plain(one['name'])}" + (f". {one['reason']}" if "reason" in one else "")
        for one in mutants
        if one["result"] == result
    ]
    return [f"{title}:\n", *lines, ""] if lines else []


def _plain(name: str) -> str:
    """Return a name as one piece of code."""
    return f"``{name.replace('`', '')}``"
