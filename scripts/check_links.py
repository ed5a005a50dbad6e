"""Find dead internal links in the Markdown files, and in the built site.

A link is dead if its file or its anchor does not exist. Addresses on the internet are
not looked at, so no network is needed. Exits with 1 and lists the dead links.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
# what people read on a code host, beside the pages in docs/
MARKDOWN = (
    "*.md",
    "docs/**/*.md",
    ".github/**/*.md",
    "benchmarks/*.md",
    "napari_motionseg/**/*.md",
)
CODE = re.compile(r"^(`{3,}|~{3,}).*?^\1|(`+)(?!`).+?(?<!`)\2(?!`)", re.M | re.S)
FENCED = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.M | re.S)
INLINE = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINED = re.compile(r"^\[[^\]]+\]:\s+<?([^\s>]+)", re.M)
IN_HTML = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"", re.S)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.M)
OUTSIDE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.I)


def main() -> int:
    """Check the Markdown files, or the site if one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="folder of the checkout"
    )
    parser.add_argument("--site", type=Path, help="folder of a built site to check")
    arguments = parser.parse_args()
    if arguments.site is None:
        dead, pages = dead_in_markdown(arguments.root.resolve())
    else:
        dead, pages = dead_in_site(arguments.site.resolve())
    for line in dead:
        print(line)
    print(f"{pages} pages, {len(dead)} dead links")
    return 1 if dead or not pages else 0


def dead_in_markdown(root: Path) -> tuple[list[str], int]:
    """Return the dead links of a checkout's Markdown files, and how many files it has.

    Parameters
    ----------
    root
        Folder of the checkout. A link that begins with ``/`` starts there.
    """
    pages = sorted({page for pattern in MARKDOWN for page in root.glob(pattern)})
    dead = []
    for page in pages:
        for target in markdown_links(page.read_text(encoding="utf-8")):
            reason = _why_dead(page, target, root)
            if reason:
                dead.append(f"{page.relative_to(root)}: {target}: {reason}")
    return dead, len(pages)


def markdown_links(text: str) -> list[str]:
    """Return the targets of the links and pictures in Markdown, code left out."""
    text = CODE.sub("", text)
    found = INLINE.findall(text) + DEFINED.findall(text) + IN_HTML.findall(text)
    return [target for target in found if not OUTSIDE.match(target)]


@cache
def markdown_anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    names: Counter[str] = Counter()
    anchors = set(re.findall(r"\b(?:id|name)=\"([^\"]+)\"", text))
    for title in HEADING.findall(text):
        name = slug(title)
        anchors.add(f"{name}-{names[name]}" if names[name] else name)
        names[name] += 1
    return frozenset(anchors)


def slug(title: str) -> str:
    """Return the anchor of a heading: lower case, hyphens, no punctuation."""
    title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)  # a link counts as its text
    return re.sub(r"[^\w\s-]", "", title).strip().lower().replace(" ", "-")


def _why_dead(page: Path, target: str, root: Path) -> str:
    """Return what is wrong with a link of a Markdown file; empty if nothing is."""
    path, _, anchor = unquote(target).partition("#")
    base = root if path.startswith("/") else page.parent
    file = (base / path.lstrip("/")).resolve() if path else page
    if not file.exists():
        return "no such file"
    if not file.is_relative_to(root):
        return "leads out of the repository"
    if anchor and file.suffix == ".md" and anchor not in markdown_anchors(file):
        return "no such heading"
    return ""


class Page(HTMLParser):
    """Collect the links and the anchors of an HTML page.

    Parameters
    ----------
    html
        The source of the page.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one tag refers to, and by which names it can be referred to."""
        for name, value in attrs:
            if name in ("href", "src") and value and not OUTSIDE.match(value):
                self.links.append(value)
            elif name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value or "")


def dead_in_site(site: Path) -> tuple[list[str], int]:
    """Return the dead links of a built site, and how many pages it has.

    Parameters
    ----------
    site
        Folder that mkdocs has written.
    """
    # the page for addresses that do not exist is shown at any depth
    files = [f for f in sorted(site.rglob("*.html")) if f.name != "404.html"]
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in files}
    dead = []
    for file, page in pages.items():
        for link in sorted(set(page.links)):
            path, _, anchor = unquote(link).partition("#")
            target = (file.parent / path.partition("?")[0]).resolve() if path else file
            if target.is_dir():
                target /= "index.html"
            where = f"{file.relative_to(site)}: {link}"
            if not target.exists():
                dead.append(f"{where}: no such file")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                dead.append(f"{where}: no such anchor")
    return dead, len(files)


if __name__ == "__main__":
    raise SystemExit(main())
