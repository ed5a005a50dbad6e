"""Pages of a batch: every loop is shown, and nothing of others is replaced."""

import re

import pytest

from napari_motionseg.batch import index_pages
from napari_motionseg.batch.index_pages import write_index
from napari_motionseg.batch.records import DONE, FAILED, BatchFolder, Record
from napari_motionseg.errors import OccupiedError

HOSTILE = "<script>alert(1)</script>'\" onerror=x"


def record(number, **facts):
    name = facts.get("loop", f"loop{number}")
    row = {
        "loop": name, "frames": 4, "rows": 64, "columns": 96,
        "files": [f"{name} & more_masks.npz", f"{name} & more_thumbnail.png"], **facts,
    }  # fmt: skip
    return Record(f"{number:064x}", f"/data/{name}.dcm", "s", DONE, rows=(row,))


@pytest.fixture
def folder(tmp_path):
    return BatchFolder(tmp_path / "out", {"task": "segment"})


def page(folder, name="index.html"):
    return (folder.folder / name).read_text(encoding="utf-8")


def test_all_loops_are_on_linked_pages(folder, monkeypatch):
    monkeypatch.setattr(index_pages, "ON_A_PAGE", 2)
    for number in range(5):
        folder.write(record(number))
    assert write_index(folder) == 5
    pages = [page(folder, n) for n in ("index.html", "index-2.html", "index-3.html")]
    shown = [re.findall(r"<a href='results/[^']*'>(loop\d)", text) for text in pages]
    assert shown == [["loop0", "loop1"], ["loop2", "loop3"], ["loop4"]]
    assert "index-2.html>next" in pages[0]
    assert "before" not in pages[0]
    assert "next" not in pages[2]
    assert "src='results/loop0%20%26%20more_thumbnail.png'" in pages[0]


def test_facts_and_failures_are_said(folder):
    folder.write(record(
        0, vessel_area_largest=312.4, vessel_area_unit="mm2", strange=True,
        damaged_frames=2, mld_mm=1.234, percent_diameter_stenosis=41.7,
    ))  # fmt: skip
    folder.write(record(1, median_px=0.52, not_measured="no vessel of 20 px"))
    folder.write(Record("f" * 64, "/data/x.dcm", "s", FAILED, reason="is damaged"))
    write_index(folder)
    text = page(folder)
    for words in (
        "vessels 312 mm²", "unlike the training pictures", "2 damaged frames",
        "narrowest 1.23 mm, 42 %", "median flow 0.52 px", "no vessel of 20 px",
        "is damaged", "/data/x.dcm", "Research use only",
    ):  # fmt: skip
        assert words in text


def test_names_of_files_are_texts_and_never_code(folder):
    folder.write(record(0, loop=HOSTILE))
    write_index(folder)
    text = page(folder)
    assert "<script" not in text
    assert not re.search(r"<[^>]*onerror=x[^>]*>", text.replace("%20onerror", ""))


def test_a_page_is_replaced_only_if_it_is_of_this_program(folder):
    folder.write(record(0))
    write_index(folder)
    write_index(folder)
    (folder.folder / "index.html").write_text("<html>of somebody else")
    with pytest.raises(OccupiedError, match="not a page of this program"):
        write_index(folder)
    assert page(folder) == "<html>of somebody else"


def test_an_empty_batch_has_a_page(folder):
    assert write_index(folder) == 0
    assert "Batch: segment" in page(folder)
