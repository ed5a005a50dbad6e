"""Find lower bounds in pyproject.toml that `make test-lowest` did not try.

    python scripts/untried_bounds.py REQUIREMENTS

REQUIREMENTS is the list that uv has resolved to the lowest versions. A version above
the declared bound means that another dependency requires more, so nobody knows whether
the declared version works. Raise the bound to the version that was tried.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
EXTRAS = ("test", "peers", "opencv", "nifti", "deid")  # those that test_lowest.sh takes
NOT_LOWEST = {"torch"}  # test_lowest.sh installs the pinned one
PINNED = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requirements", type=Path)
    given = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = list(untried(project["project"], given.requirements.read_text()))
    for name, bound, tried in found:
        print(f"pyproject.toml: {name}>={bound} was not tried; raise it to {tried}")
    sys.exit(1 if found else 0)


def untried(project: dict[str, dict], resolved: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, declared bound and tried version where the two differ."""
    tried = {canonicalize_name(name): v for name, v in PINNED.findall(resolved)}
    extras = project.get("optional-dependencies", {})
    lines = [*project["dependencies"], *(x for e in EXTRAS for x in extras.get(e, ()))]
    for line in lines:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        bounds = [s.version for s in requirement.specifier if s.operator == ">="]
        if name not in tried or name in NOT_LOWEST or not bounds:
            continue
        if Version(tried[name]).release[:3] > _padded(bounds[0]):
            yield name, bounds[0], tried[name]


def _padded(bound: str) -> tuple[int, ...]:
    """Return major, minor and micro, with zeros where the bound has none."""
    return (*Version(bound).release, 0, 0)[:3]


if __name__ == "__main__":
    main()
