"""A folder-shaped result replaces only what this program wrote."""

import json
import os

import numpy as np
import pytest
import zarr

from napari_motionseg.errors import OccupiedError, WriteError
from napari_motionseg.io import result_folders, write_masks
from napari_motionseg.io.flow_files import read_flow_zarr, write_flow_zarr
from napari_motionseg.io.labels import read_labels
from napari_motionseg.io.result_folders import MARKER, contents_of, replacing_folder


def _write(target, files, kind="masks", overwrite=False):
    with replacing_folder(target, kind, overwrite=overwrite) as folder:
        folder.mkdir()
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)


def _files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MARKER
    }


@pytest.mark.parametrize("empty", [False, True])
def test_a_result_goes_where_nothing_or_an_empty_folder_is(empty, tmp_path):
    target = tmp_path / "new" / "masks"
    if empty:
        target.mkdir(parents=True)
    _write(target, {"a": "1", "deep/b": "2"})
    assert _files(target) == {"a": "1", "deep/b": "2"}
    assert [path.name for path in target.parent.iterdir()] == ["masks"]


@pytest.mark.parametrize("swaps", [True, False])
def test_an_own_result_is_replaced_as_a_whole(swaps, tmp_path, monkeypatch):
    if not swaps:  # a system that cannot exchange two names
        monkeypatch.setattr(result_folders, "_swapped", lambda *_: False)
    target = tmp_path / "masks"
    _write(target, {"a": "1", "b": "1"})
    _write(target, {"a": "2"})
    assert _files(target) == {"a": "2"}
    assert [path.name for path in tmp_path.iterdir()] == ["masks"]


def _foreign_file(folder):
    (folder / "notes.txt").write_text("mine")


def _foreign_folder(folder):
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("mine")


def _empty_folder(folder):
    (folder / "kept").mkdir()


def _link(folder):
    (folder / "link").symlink_to("/")


def _pipe(folder):
    os.mkfifo(folder / "pipe")


def _changed(folder):
    (folder / "a").write_text("mine")


PLANTED = (_foreign_file, _foreign_folder, _empty_folder, _link, _pipe, _changed)


@pytest.mark.parametrize("plant", PLANTED)
@pytest.mark.parametrize("ours", [True, False])
def test_what_others_put_there_stays(plant, ours, tmp_path):
    target = tmp_path / "masks"
    if ours:
        _write(target, {"a": "1"})
    else:
        target.mkdir()
    plant(target)
    before = sorted((p, p.lstat().st_mtime_ns) for p in target.rglob("*"))
    with pytest.raises(OccupiedError, match="--overwrite"):
        _write(target, {"a": "2"})
    assert sorted((p, p.lstat().st_mtime_ns) for p in target.rglob("*")) == before
    assert [path.name for path in tmp_path.iterdir()] == ["masks"]


@pytest.mark.parametrize("plant", PLANTED)
def test_overwrite_replaces_own_files_alone(plant, tmp_path):
    target = tmp_path / "masks"
    _write(target, {"a": "1", "stale/b": "1"})
    plant(target)
    kept = {p: p.lstat().st_mtime_ns for p in target.rglob("*") if p.name != MARKER}
    _write(target, {"a": "2"}, overwrite=True)
    assert (target / "a").read_text() == "2"
    assert not (target / "stale").exists()
    ours = {target / "a", target / "stale", target / "stale" / "b"}
    for path in kept.keys() - ours:
        assert path.lstat().st_mtime_ns == kept[path]
    if plant is not _changed:
        assert contents_of(target).foreign


def test_overwrite_stops_where_a_file_of_others_has_the_name(tmp_path):
    target = tmp_path / "masks"
    _write(target, {"a": "1"})
    (target / "b").write_text("mine")
    with pytest.raises(OccupiedError, match="this program did not write b in it"):
        _write(target, {"a": "2", "b": "2"}, overwrite=True)
    assert _files(target) == {"a": "1", "b": "mine"}


def test_overwrite_follows_no_link_out_of_the_folder(tmp_path):
    target, elsewhere = tmp_path / "masks", tmp_path / "elsewhere"
    elsewhere.mkdir()
    _write(target, {"a": "1"})
    (target / "deep").symlink_to(elsewhere)
    with pytest.raises(OccupiedError, match="this program did not write"):
        _write(target, {"deep/b": "2"}, overwrite=True)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_another_kind_of_result_stays(overwrite, tmp_path):
    target = tmp_path / "result"
    _write(target, {"a": "1"}, kind="flow")
    with pytest.raises(OccupiedError, match="another kind of result"):
        _write(target, {"a": "2"}, overwrite=overwrite)
    assert _files(target) == {"a": "1"}


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_a_folder_replaces_no_file_and_no_link(kind, tmp_path):
    target = tmp_path / "masks"
    _write(tmp_path / "real", {"a": "1"})
    if kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to("real" if kind == "link" else "nowhere")
    with pytest.raises(OccupiedError, match="choose another name"):
        _write(target, {"a": "2"}, overwrite=True)
    assert target.is_symlink() or target.read_text() == "mine"
    assert _files(tmp_path / "real") == {"a": "1"}


MARKERS = {
    "empty": "",
    "no JSON": "{",
    "a list": "[]",
    "deep": "[" * 100_000,
    "other": json.dumps({"made_by": "others", "kind": "masks", "files": {}}),
    "no files": json.dumps({"made_by": "napari-motionseg", "kind": "masks"}),
    "odd files": json.dumps(
        {"made_by": "napari-motionseg", "kind": "masks", "files": {"a": 1}}
    ),
}


@pytest.mark.parametrize("name", MARKERS)
def test_a_marker_that_cannot_be_read_marks_nothing(name, tmp_path):
    target = tmp_path / "masks"
    target.mkdir()
    (target / MARKER).write_text(MARKERS[name])
    (target / "a").write_text("mine")
    with pytest.raises(OccupiedError):
        _write(target, {"a": "2"})
    assert (target / MARKER).read_text() == MARKERS[name]
    assert (target / "a").read_text() == "mine"


def _write_half(target):
    with replacing_folder(target, "masks") as folder:
        folder.mkdir()
        _ = 1 / 0


def test_an_error_leaves_the_old_result(tmp_path):
    target = tmp_path / "masks"
    _write(target, {"a": "1"})
    with pytest.raises(ZeroDivisionError):
        _write_half(target)
    assert _files(target) == {"a": "1"}
    assert [path.name for path in tmp_path.iterdir()] == ["masks"]


def test_a_move_that_fails_puts_the_old_result_back(tmp_path, monkeypatch):
    monkeypatch.setattr(result_folders, "_swapped", lambda *_: False)
    target = tmp_path / "masks"
    _write(target, {"a": "1"})
    real, moves = os.rename, []

    def second_fails(old, new):
        moves.append(new)
        if len(moves) == 2:
            raise OSError(28, "No space left on device")
        real(old, new)

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(WriteError, match="No space"):
        _write(target, {"a": "2"})
    assert _files(target) == {"a": "1"}


def test_a_series_of_png_and_flow_are_replaced_and_read(tmp_path):
    masks = np.zeros((3, 8, 8), np.uint8)
    flow = np.zeros((2, 2, 8, 8), np.float32)
    for value in (1, 2):
        masks[:, 2] = value
        write_masks(tmp_path / "series", masks)
        write_flow_zarr(tmp_path / "flow", flow + value, None, gap=1, attributes={})
    assert (read_labels(tmp_path / "series", shape=masks.shape).labels == masks).all()
    assert (read_flow_zarr(tmp_path / "flow")[0] == 2).all()
    # other programs list the group: the marker is no trouble to them
    assert sorted(zarr.open_group(str(tmp_path / "flow"), mode="r")) == ["forward"]


def test_masks_and_flow_never_replace_a_used_folder(tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "precious").write_text("x")
    masks, flow = np.zeros((2, 8, 8), np.uint8), np.zeros((1, 2, 8, 8), np.float32)
    with pytest.raises(OccupiedError, match="precious"):
        write_masks(tmp_path / "used", masks)
    with pytest.raises(OccupiedError, match="precious"):
        write_flow_zarr(tmp_path / "used", flow, None, gap=1, attributes={})
    assert _files(tmp_path / "used") == {"precious": "x"}


def test_files_of_others_are_safe_unless_the_caller_says_otherwise(tmp_path):
    target = tmp_path / "masks"
    _write(target, {"a": "1"})
    (target / "notes.txt").write_text("mine")
    with pytest.raises(OccupiedError, match=r"did not write \(notes.txt\)"):
        result_folders.require_folder_target(target, "masks")
    result_folders.require_folder_target(target, "masks", overwrite=True)
