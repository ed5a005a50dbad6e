"""Check that the search of the built site finds what people look for.

The search of the site finds a page by the words in its titles and texts. Exits with 1
and lists the words that the expected page does not contain.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

# what people type, and the page that answers it
EXPECTED = {
    "install": "install/",
    "GPU": "install/",
    "offline": "install/",
    "out of memory": "faq/",
    "reader preference": "faq/",
    "first masks": "first-masks/",
    "several GPUs": "cluster/",
    "patient data": "privacy/",
    "exit codes": "tutorial-cli/",
    "transfer syntax": "loops/",
}


def missing(entries: list[dict[str, str]], expected: dict[str, str]) -> list[str]:
    """Return what a search index does not find, one sentence each.

    Parameters
    ----------
    entries
        The documents of the index: ``location``, ``title`` and ``text``.
    expected
        For each query, the location of the page that should be found.
    """
    lines = []
    for query, page in expected.items():
        texts = [
            f"{entry['title']} {entry['text']}".lower()
            for entry in entries
            if entry["location"].partition("#")[0] == page
        ]
        if not texts:
            lines.append(f"{query}: there is no page {page}")
        elif not any(query.lower() in text for text in texts):
            lines.append(f"{query}: {page} does not contain these words")
    return lines


def main() -> int:
    """Check the index of a site."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, help="folder of the built site")
    index = parser.parse_args().site / "search" / "search_index.json"
    lines = missing(json.loads(index.read_text(encoding="utf-8"))["docs"], EXPECTED)
    for line in lines:
        print(line)
    print(f"{len(EXPECTED)} searches, {len(lines)} not answered")
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
