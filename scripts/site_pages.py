"""Let mkdocs show files of the repository as pages of the site.

CONTRIBUTING, CHANGELOG and RESULTS lie outside ``docs``. The pages in ``docs`` link to
them as ``../CHANGELOG.md``, which works on a code host; on the site the same link leads
to the page that is made here.
"""

from __future__ import annotations

import os
import posixpath
import re
import tomllib
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "results.md": "benchmarks/RESULTS.md",
    "vessels-xa.md": "napari_motionseg/models/weights/vessels-xa.md",
    "catheters-xa.md": "napari_motionseg/models/weights/catheters-xa.md",
    "motion-xa.md": "napari_motionseg/models/weights/motion-xa.md",
    "pwcnet-xa.md": "napari_motionseg/models/weights/pwcnet-xa.md",
    "propagation-xa.md": "napari_motionseg/models/weights/propagation-xa.md",
}
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:]+)(#[^)]*)?\)")


def project_urls() -> dict[str, str]:
    """Return the addresses that the owner has set in pyproject.toml, if any."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    urls: dict[str, str] = tomllib.loads(text)["project"].get("urls", {})
    return urls


def on_config(config: Any) -> Any:
    """Set the site's addresses.

    Read the Docs says in an environment variable where it publishes the site.
    """
    urls = project_urls()
    home = urls.get("Repository")
    here = os.environ.get("READTHEDOCS_CANONICAL_URL") or urls.get("Documentation")
    config.site_url, config.repo_url = here, home
    config.repo_name = "/".join(home.rstrip("/").split("/")[-2:]) if home else None
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made of files of the repository."""
    for name, source in PAGES.items():
        path = ROOT / source
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            folder = posixpath.dirname(source)
            files.append(File.generated(config, name, content=_relinked(text, folder)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead the links of a page in ``docs`` to the pages that are made here."""
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]  # it would hold the page itself only
    if page.file.src_uri in PAGES:
        return markdown
    folder = posixpath.join("docs", posixpath.dirname(page.file.src_uri))
    return _relinked(markdown, folder, depth=page.file.src_uri.count("/"))


def _relinked(text: str, folder: str, depth: int = 0) -> str:
    """Return Markdown whose links lead to pages of the site.

    Parameters
    ----------
    text
        Markdown of a file in the repository.
    folder
        The folder of that file, relative to the repository.
    depth
        Number of folders between the page and the top of the site.
    """
    made = {source: name for name, source in PAGES.items()}

    def change(link: re.Match[str]) -> str:
        words, target, anchor = link[1], link[2], link[3] or ""
        path = posixpath.normpath(posixpath.join(folder, target))
        if path in made:
            return f"[{words}]({'../' * depth}{made[path]}{anchor})"
        if folder.startswith("docs"):
            return link[0]
        if path.startswith("docs/"):
            return f"[{words}]({path.removeprefix('docs/')}{anchor})"
        # a file that is no page: its name must do
        return words if "`" in words else f"{words} (`{path}`)"

    return LINK.sub(change, text)
