"""Tables of a batch: what a spreadsheet and a data frame read."""

import csv
import sys

import pytest

from napari_motionseg.batch import tables
from napari_motionseg.batch.records import DONE, FAILED, BatchFolder, Record
from napari_motionseg.batch.tables import columns_of, write_table
from napari_motionseg.errors import MissingDependencyError, SettingsError


def done(number, **facts):
    row = {
        "loop": f"loop{number}", "frames": 4, "vessel_area_largest": 5.0,
        "files": [f"loop{number}_masks.npz", f"loop{number}_thumbnail.png"], **facts,
    }  # fmt: skip
    return Record(
        f"{number:064x}", f"/data/loop{number}.dcm", "s", DONE, seconds=2.0 + number,
        rows=(row,),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    batch = BatchFolder(tmp_path / "out", {"task": "segment"})
    batch.write(done(0))
    batch.write(done(2, loop="=HYPERLINK(1)"))
    batch.write(Record(f"{5:064x}", "/data/bad.dcm", "s", FAILED, reason="is damaged"))
    batch.write(Record(f"{6:064x}", "/data/now.dcm", "s"))
    return batch


def test_the_table_has_a_row_for_each_loop_and_each_failure(folder, tmp_path):
    path = tmp_path / "table.csv"
    assert write_table(folder, path) == 4
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["done", "done", "failed", "working"]
    assert rows[0]["result"] == "loop0_masks.npz"
    assert rows[0]["vessel_area_largest"] == "5.0"
    assert rows[1]["loop"] == "'=HYPERLINK(1)"  # a spreadsheet must not run it
    assert rows[2]["reason"] == "is damaged"


def test_a_parquet_table_has_types_and_is_written_in_portions(
    folder, tmp_path, monkeypatch
):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 3)
    path = tmp_path / "table.parquet"
    assert write_table(folder, path) == 4
    assert parquet.ParquetFile(path).num_row_groups == 2
    found = parquet.read_table(path).to_pylist()
    assert [row["state"] for row in found] == ["done", "done", "failed", "working"]
    assert (found[0]["frames"], found[0]["vessel_area_largest"]) == (4, 5.0)
    assert found[1]["loop"] == "=HYPERLINK(1)"  # a data frame keeps it as it is
    assert found[2]["frames"] is None
    assert list(found[0]) == list(columns_of(folder))


def test_a_table_of_another_kind_or_without_its_library_is_told(
    folder, tmp_path, monkeypatch
):
    with pytest.raises(SettingsError, match=r"\.csv or \.parquet"):
        write_table(folder, tmp_path / "table.xlsx")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"napari-motionseg\[batch\]"):
        write_table(folder, tmp_path / "table.parquet")
    assert not list(tmp_path.glob("table*"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_paths_that_are_no_unicode_are_escaped(tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    batch = BatchFolder(tmp_path / "out", {"task": "segment"})
    batch.write(Record("0" * 64, "/data/b\udcff\u00e9.dcm", "s", FAILED, reason="bad"))
    path = tmp_path / f"table{suffix}"
    assert write_table(batch, path) == 1
    content = path.read_bytes()
    assert "/data/b\\udcff\u00e9.dcm".encode() in content
