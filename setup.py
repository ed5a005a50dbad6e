"""Build the README of the package index; everything else stands in pyproject.toml.

A package index shows the README away from its repository, so relative links and
pictures lead nowhere there. The one setting is `Repository` under `[project.urls]`:

- while it is unset, pictures are left out and relative links become plain text;
- once it is set, both get addresses in that repository, at the tag of this version.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent
# a picture that stands alone, and the caption in italics that may follow it
PICTURE = re.compile(r"^!\[[^\]]*\]\([^)]*\)\n\n?(?:\*[^*]+\*\s*)?", re.MULTILINE)
INLINE_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")
CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def readme_for_index(text: str, repository: str | None, version: str) -> str:
    """Return the README as a package index can show it.

    Parameters
    ----------
    text
        The README in Markdown, with links relative to the repository's root.
    repository
        Address of the repository, such as ``https://HOST/OWNER/NAME``; None or empty
        if it is not known yet.
    version
        Version of the package; its tag is ``v`` and the version.
    """
    home = (repository or "").rstrip("/")
    if not home:
        text = PICTURE.sub("", text)
    parts = CODE.split(text)  # every second part is code, which stays as it is
    parts[::2] = [_absolute(part, home, f"v{version}") for part in parts[::2]]
    return "".join(parts)


def _absolute(text: str, home: str, tag: str) -> str:
    """Give pictures and links of a text without code their addresses."""

    def picture(found: re.Match[str]) -> str:
        """Return a picture at its address, or nothing where there is none."""
        words, target = found.groups()
        if not _is_relative(target):
            return found[0]
        return f"![{words}]({home}/raw/{tag}/{target})" if home else ""

    def link(found: re.Match[str]) -> str:
        """Return a link at its address, or its words where there is none."""
        words, target = found.groups()
        if not _is_relative(target):
            return found[0]
        return f"[{words}]({home}/blob/{tag}/{target})" if home else words

    return LINK.sub(link, INLINE_PICTURE.sub(picture, text))


def _is_relative(target: str) -> bool:
    """Return whether a target is a file of the repository."""
    return not re.match(r"[a-z][a-z0-9+.-]*:|//|#", target, re.IGNORECASE)


def main() -> None:
    """Hand the README to setuptools, which reads the rest from pyproject.toml."""
    from setuptools import setup

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    facts = project["project"]
    setup(
        long_description=readme_for_index(
            (ROOT / "README.md").read_text(encoding="utf-8"),
            facts.get("urls", {}).get("Repository"),
            facts["version"],
        ),
        long_description_content_type="text/markdown",
    )


if __name__ == "__main__":
    main()
