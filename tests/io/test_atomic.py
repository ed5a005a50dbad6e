"""A file gets its final name when it is finished, and replaces only a regular file."""

import os
import socket
import stat
from pathlib import Path

import pytest

from napari_motionseg.errors import OccupiedError, WriteError
from napari_motionseg.io.atomic import new_folder, place_file, replacing


def _write(target, text="new"):
    with replacing(target) as temporary:
        temporary.write_text(text)


def _write_half(target):
    with replacing(target) as temporary:
        temporary.write_text("half")
        _ = 1 / 0


def test_what_fails_leaves_what_was_there(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(ZeroDivisionError):
        _write_half(target)
    assert target.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_regular_file_is_replaced_and_folders_on_the_way_are_made(tmp_path):
    target = tmp_path / "new" / "folder" / "a.txt"
    for text in ("one", "two"):
        _write(target, text)
    assert target.read_text() == "two"
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_a_file_can_be_read_by_whom_others_can(tmp_path):
    """Some writers make files that only their owner may read."""
    (tmp_path / "usual").touch()
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("x")
        temporary.chmod(0o600)
    modes = [os.stat(tmp_path / name).st_mode & 0o777 for name in ("a", "usual")]
    assert modes[0] == modes[1]


def _folder(path):
    path.mkdir()
    (path / "precious").write_text("x")


def _link_to_file(path):
    (path.parent / "kept").write_text("x")
    path.symlink_to("kept")


def _link_to_folder(path):
    _folder(path.parent / "kept")
    path.symlink_to("kept")


def _socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))


OTHERS = {
    "folder": _folder,
    "empty folder": Path.mkdir,
    "link to a file": _link_to_file,
    "link to a folder": _link_to_folder,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "pipe": os.mkfifo,
    "socket": _socket,
}


@pytest.mark.parametrize("kind", OTHERS)
def test_nothing_but_a_regular_file_is_replaced(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    target = tmp_path / "target"
    OTHERS[kind](target)
    before = _listing(tmp_path)
    with pytest.raises(OccupiedError, match="only a regular file is replaced"):
        _write(target)
    assert _listing(tmp_path) == before


def _listing(folder):
    return {
        path.relative_to(folder): (
            path.lstat().st_ino,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_a_device_is_no_target(device):
    if not os.path.exists(device):
        pytest.skip(f"no {device} here")
    with pytest.raises(OccupiedError, match="device"):
        _write(device)
    assert stat.S_ISCHR(os.stat(device).st_mode)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("file/a", "Not a directory|exists"),
        ("a" * 300, "too long"),
        ("..", "folder"),
        ("a\0b", "null"),
    ],
)
def test_an_impossible_target_is_a_write_error(name, words, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=words):
        _write(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_name_that_just_fits_is_written(tmp_path):
    _write(tmp_path / ("a" * 255))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_writer_that_writes_nothing_is_an_error(tmp_path):
    (tmp_path / "a").write_text("before")
    with pytest.raises(WriteError, match="left no file"), replacing(tmp_path / "a"):
        pass
    assert (tmp_path / "a").read_text() == "before"


def test_a_new_name_is_taken_only_once(tmp_path):
    """Two processes that choose the same new name never replace each other's file."""
    (tmp_path / "room").mkdir()
    for text in ("one", "two"):
        (tmp_path / "room" / text).write_text(text)
    place_file(tmp_path / "room" / "one", tmp_path / "a", only_new=True)
    with pytest.raises(OccupiedError, match="just got this name"):
        place_file(tmp_path / "room" / "two", tmp_path / "a", only_new=True)
    assert (tmp_path / "a").read_text() == "one"
    assert not (tmp_path / "room" / "one").exists()


def test_without_links_a_new_name_is_still_taken_only_once(tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError("this file system has none")

    monkeypatch.setattr(os, "link", no_links)
    test_a_new_name_is_taken_only_once(tmp_path)


def test_a_disk_that_refuses_at_the_last_moment_is_an_error(tmp_path, monkeypatch):
    """A full disk or quota may be told only when the file is flushed."""

    def full(_):
        raise OSError(28, "No space left on device")

    (tmp_path / "a").write_text("before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match="No space left"):
        _write(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kind", OTHERS)
def test_a_new_folder_goes_only_where_nothing_is(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "target"
    OTHERS[kind](target)
    before = _listing(tmp_path)
    with pytest.raises(OccupiedError, match="is there already"), new_folder(target):
        pass
    assert _listing(tmp_path) == before


def test_a_new_folder_is_whole_or_not_there(tmp_path):
    with new_folder(tmp_path / "a" / "b") as folder:
        (folder / "c").mkdir(parents=True)
        assert not (tmp_path / "a" / "b").exists()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert (tmp_path / "a" / "b" / "c").is_dir()
