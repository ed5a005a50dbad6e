"""Nothing half-written has the final name."""

import os

import pytest

from napari_motionseg.errors import WriteError
from napari_motionseg.io.atomic import replacing


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


def test_a_file_can_be_read_by_whom_others_can(tmp_path):
    """Some writers make files that only their owner may read."""
    (tmp_path / "usual").touch()
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("x")
        temporary.chmod(0o600)
    modes = [os.stat(tmp_path / name).st_mode & 0o777 for name in ("a", "usual")]
    assert modes[0] == modes[1]


def test_a_folder_replaces_a_folder(tmp_path):
    for text in ("one", "two"):
        with replacing(tmp_path / "f") as temporary:
            temporary.mkdir()
            (temporary / text).touch()
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["two"]


def test_no_room_is_a_write_error(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(WriteError, match="cannot write"),
        replacing(tmp_path / "file" / "a"),
    ):
        pass
