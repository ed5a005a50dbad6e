"""A hook of mkdocs: files beside the code become pages of the site.

CONTRIBUTING and CHANGELOG are read where a repository has them; on the site, links to
`docs/` and to files of the repository must lead elsewhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "results.md": "benchmarks/RESULTS.md",
}
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:]+)(#[^)]*)?\)")


def on_config(config: Any) -> Any:
    """Put the results into the navigation, if there are any."""
    if (ROOT / PAGES["results.md"]).is_file():
        section = next(part for part in config.nav if "How it is built" in part)
        section["How it is built"].append({"Results": "results.md"})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages whose files exist."""
    for name, source in PAGES.items():
        path = ROOT / source
        if path.is_file():
            text = LINK.sub(_relinked, path.read_text(encoding="utf-8"))
            files.append(File.generated(config, name, content=text))
    return files


def _relinked(link: re.Match[str]) -> str:
    """Point a link at a page of the site; name a file that is none."""
    text, target, anchor = link[1], link[2], link[3] or ""
    pages = {source: name for name, source in PAGES.items()}
    if target in pages and (ROOT / target).is_file():
        return f"[{text}]({pages[target]}{anchor})"
    if target.startswith("docs/") and target.endswith(".md"):
        return f"[{text}]({target.removeprefix('docs/')}{anchor})"
    return text if "`" in text else f"{text} (`{target}`)"
