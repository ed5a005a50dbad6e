"""Write pages to look through the results of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from napari_motionseg.batch.records import DONE, RESULTS, BatchFolder
from napari_motionseg.batch.tables import rows
from napari_motionseg.batch.thumbnails import THUMBNAIL
from napari_motionseg.errors import OccupiedError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.text import printable

ON_A_PAGE = 120
FIRST = "index.html"
MARK = "<!-- napari-motionseg batch index -->"
HEAD = 200  # characters, in which a page of this program has its mark
STYLE = """
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
h1 { font-size: 1.4rem; margin-bottom: .2rem }
nav a, nav b { margin-right: .6rem }
main { display: grid; gap: 1rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, 12.5rem) }
figure { margin: 0; overflow-wrap: anywhere }
figure img, figure .none { background: #222; border-radius: .3rem; display: block;
  height: 12rem; object-fit: contain; width: 12rem }
figcaption { font-size: .85rem; margin-top: .3rem }
.note { color: #b3541e } .failed { color: #c0392b } small { opacity: .75 }
"""


def write_index(folder: BatchFolder) -> int:
    """Write ``index.html`` and further pages, and return the number of loops shown.

    The pages show pictures and names of the loops, and the paths of what has failed.

    Parameters
    ----------
    folder
        The output folder, which the pages are written to.

    Raises
    ------
    OccupiedError
        If a page must not be replaced.
    WriteError
        If a page cannot be written.
    """
    waiting, count, number = rows(folder), 0, 1
    page = list(islice(waiting, ON_A_PAGE))
    while page or number == 1:
        following = list(islice(waiting, ON_A_PAGE))
        _write_page(folder, number, page, bool(following))
        count += len(page)
        page, number = following, number + 1
    return count


def _write_page(
    folder: BatchFolder, number: int, page: list[dict[str, Any]], more: bool
) -> None:
    path = folder.folder / _name(number)
    _require_own(path)
    with replacing(path) as temporary:
        text = "\n".join(_lines(folder, number, page, more))
        temporary.write_text(text + "\n", encoding="utf-8", errors="xmlcharrefreplace")


def _require_own(path: Path) -> None:
    """Refuse to replace a page that somebody else has written."""
    if path.exists() and MARK not in path.read_text("utf-8", "replace")[:HEAD]:
        raise OccupiedError(f"{path}: is not a page of this program; move it elsewhere")


def _name(number: int) -> str:
    return FIRST if number == 1 else f"index-{number}.html"


def _lines(
    folder: BatchFolder, number: int, page: list[dict[str, Any]], more: bool
) -> Iterator[str]:
    task = escape(str(folder.settings.get("task")))
    yield f"<!doctype html>{MARK}<html lang=en><meta charset=utf-8>"
    yield "<meta name=viewport content='width=device-width'>"
    yield f"<title>{task}, page {number}</title><style>{STYLE}</style>"
    yield f"<h1>Batch: {task}</h1>"
    yield "<p>Research use only; not a medical device.</p>"
    yield f"<nav>{_links(number, more)}</nav><main>"
    yield from map(_figure, page)
    yield f"</main><nav>{_links(number, more)}</nav></html>"


def _links(number: int, more: bool) -> str:
    parts = [f"<b>page {number}</b>"]
    if number > 1:
        parts.insert(0, f"<a href={_name(number - 1)}>before</a>")
    if more:
        parts.append(f"<a href={_name(number + 1)}>next</a>")
    return "".join(parts)


def _figure(row: Mapping[str, Any]) -> str:
    if row["state"] != DONE:
        path, reason = str(row["path"]), str(row["reason"] or row["state"])
        words = _text(reason.removeprefix(f"{path}: "))
        caption = f"<span class=failed>{words}</span><br><small>{_text(path)}</small>"
        return _framed("<div class=none></div>", caption)
    files = [str(name) for name in row.get("files", ())]
    pictures = [name for name in files if name.endswith(THUMBNAIL)]
    results = [name for name in files if name not in pictures]
    link = f"<a href='{_place(results[0])}'>{_text(row.get('loop'))}</a>"
    image = "<div class=none></div>"
    if pictures:
        image = f"<img loading=lazy alt='' src='{_place(pictures[0])}'>"
    facts = "<br>".join(_facts(row))
    return _framed(image, f"{link if results else _text(row.get('loop'))}<br>{facts}")


def _framed(image: str, caption: str) -> str:
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _facts(row: Mapping[str, Any]) -> Iterator[str]:
    size = f"{row.get('frames')} frames, {row.get('rows')} × {row.get('columns')} px"
    yield f"<small>{_text(size)}</small>"
    if "vessel_area_largest" in row:
        unit = "mm²" if row.get("vessel_area_unit") == "mm2" else "px"
        yield f"<small>vessels {row['vessel_area_largest']:.0f} {unit}</small>"
    for unit in ("mm", "px"):
        if f"mld_{unit}" in row:
            stenosis = row["percent_diameter_stenosis"]
            mld = row[f"mld_{unit}"]
            yield f"<small>narrowest {mld:.2f} {unit}, {stenosis:.0f} %</small>"
    if "median_px" in row:
        yield f"<small>median flow {row['median_px']:.2f} px</small>"
    if row.get("strange"):
        yield "<span class=note>unlike the training pictures</span>"
    if row.get("damaged_frames"):
        yield f"<span class=note>{row['damaged_frames']} damaged frames</span>"
    if row.get("not_measured"):
        yield f"<span class=note>{_text(row['not_measured'])}</span>"


def _text(value: Any) -> str:
    return escape(printable(str(value)))


def _place(name: str) -> str:
    return f"{RESULTS}/{quote(name)}"
