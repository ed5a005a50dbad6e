"""Check that a tag, the version, the changelog and the citation agree.

Usage: python scripts/check_release.py v0.1.0 [--notes notes.md]
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATE = r"\d{4}-\d{2}-\d{2}"


def find_faults(root: Path, tag: str) -> list[str]:
    """Return what stands in the way of a release.

    Parameters
    ----------
    root
        Folder of the checkout.
    tag
        The tag, such as ``v0.1.0``.
    """
    project = tomllib.loads(_text(root / "pyproject.toml"))["project"]
    version = project["version"]
    faults = []
    if tag != f"v{version}":
        faults.append(f"the tag is {tag}; pyproject.toml has the version {version}")
    if not project.get("urls", {}).get("Repository"):
        faults.append("pyproject.toml: [project.urls] has no Repository")
    if f"\nversion: {version}\n" not in _text(root / "CITATION.cff"):
        faults.append(f"CITATION.cff: its version is not {version}")
    if not re.search(
        f"^## {re.escape(version)}, {DATE}$", _changes(root), re.MULTILINE
    ):
        faults.append(f"CHANGELOG.md: has no heading '## {version}, YYYY-MM-DD'")
    return faults


def release_notes(root: Path, tag: str) -> str:
    """Return the section of the changelog for a tag, without its heading."""
    version = re.escape(tag.removeprefix("v"))
    found = re.search(
        rf"^## {version}\b[^\n]*\n(.*?)(?=^## |\Z)", _changes(root), re.M | re.S
    )
    return found[1].strip() + "\n" if found else ""


def _changes(root: Path) -> str:
    return _text(root / "CHANGELOG.md")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def main() -> int:
    """Check a tag, and write the notes of its release if they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tag")
    parser.add_argument("--notes", type=Path, help="file to write the notes to")
    given = parser.parse_args()
    faults = find_faults(ROOT, given.tag)
    for fault in faults:
        print(fault, file=sys.stderr)
    if given.notes is not None and not faults:
        given.notes.write_text(release_notes(ROOT, given.tag), encoding="utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
