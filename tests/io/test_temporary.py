"""Temporary folders of killed processes are cleared; nothing else ever is."""

import os
import signal
import subprocess
import sys
import time

import pytest

from napari_motionseg.io import temporary
from napari_motionseg.io.atomic import clear_leftovers, replacing
from napari_motionseg.io.temporary import OWNER, is_temporary_name, temporary_folder

WAITING = """
import sys
from napari_motionseg.io.atomic import replacing
with replacing(sys.argv[1]) as path:
    path.write_text("half")
    print(path.parent.name, flush=True)
    sys.stdin.read()
"""


def _writing(target):
    """Start a process that has written half of a file; return it and its room."""
    child = subprocess.Popen(
        [sys.executable, "-c", WAITING, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return child, child.stdout.readline().strip()


def _end(child):
    child.communicate()
    assert child.wait() is not None


def test_a_killed_process_leaves_no_folder_for_long(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("before")
    child, room = _writing(target)
    child.send_signal(signal.SIGKILL)
    _end(child)
    assert (tmp_path / room).is_dir()
    with replacing(tmp_path / "other.txt") as path:
        path.write_text("x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "other.txt"]
    assert target.read_text() == "before"


def test_the_folder_of_a_running_process_stays(tmp_path):
    child, room = _writing(tmp_path / "a.txt")
    assert clear_leftovers(tmp_path) == []
    _end(child)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert is_temporary_name(room)


def test_folders_of_this_process_stay(tmp_path):
    """Another thread of this process may be in the middle of writing."""
    with temporary_folder(tmp_path) as room, temporary_folder(tmp_path) as other:
        assert clear_leftovers(tmp_path) == []
        assert room.is_dir()
        assert other.is_dir()
    assert list(tmp_path.iterdir()) == []


def _leftover(folder, host=None, process=None, name="0123456789ab"):
    """Make what a killed process leaves; its number may belong to another by now."""
    room = (
        folder
        / f".motionseg-tmp-{host or temporary._host()}-{process or os.getpid()}-{name}"
    )
    (room / "part" / "deep").mkdir(parents=True)
    (room / "part" / "deep" / "file").write_text("half")
    (room / OWNER).touch()
    return room


def test_a_process_number_that_is_used_again_does_not_keep_a_leftover(tmp_path):
    room = _leftover(tmp_path)
    assert clear_leftovers(tmp_path) == [room]
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_another_computer_stays_for_a_day(tmp_path):
    room = _leftover(tmp_path, host="00000000")
    assert clear_leftovers(tmp_path) == []
    old = time.time() - temporary.OTHER_HOST_AGE_S - 60
    os.utime(room, (old, old))
    assert clear_leftovers(tmp_path) == [room]


def test_without_locks_the_process_number_decides(tmp_path, monkeypatch):
    monkeypatch.setattr(temporary, "try_lock", lambda _: None)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine = _leftover(tmp_path)
    gone = _leftover(tmp_path, process=ended.pid, name="ba9876543210")
    assert clear_leftovers(tmp_path) == [gone]
    assert mine.is_dir()


NAMES = (
    ".motionseg-tmp",
    ".motionseg-tmp-00000000-1",
    ".motionseg-tmp-00000000-1-0123456789ab.bak",
    ".motionseg-tmp-00000000-1-0123456789aB",
    ".motionseg-tmp-00000000-x-0123456789ab",
    "motionseg-tmp-00000000-1-0123456789ab",
    ".a.motionseg-tmp-00000000-1-0123456789ab",
    ".git",
    ".dvc",
    ".masks.npz.abcd1234",
)


@pytest.mark.parametrize("name", NAMES)
def test_other_names_stay(name, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / OWNER).touch()
    (tmp_path / name / "kept").write_text("x")
    assert clear_leftovers(tmp_path) == []
    assert (tmp_path / name / "kept").read_text() == "x"


def test_a_folder_of_that_name_without_our_lock_file_stays(tmp_path):
    room = _leftover(tmp_path, process=2**22 + 1)
    (room / OWNER).unlink()
    assert clear_leftovers(tmp_path) == []
    assert (room / "part" / "deep" / "file").read_text() == "half"


def test_links_and_files_of_that_name_stay(tmp_path):
    name = f".motionseg-tmp-{temporary._host()}-1-0123456789a"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / OWNER).touch()
    (tmp_path / f"{name}0").symlink_to("elsewhere")
    (tmp_path / f"{name}1").write_text("a file")
    assert clear_leftovers(tmp_path) == []
    assert (tmp_path / "elsewhere" / OWNER).exists()
    assert (tmp_path / f"{name}1").read_text() == "a file"


def test_links_in_a_leftover_are_not_followed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    room = _leftover(tmp_path)
    (room / "link").symlink_to("../kept")
    (room / "part" / "link").symlink_to("../../kept")
    assert clear_leftovers(tmp_path) == [room]
    assert (tmp_path / "kept" / "file").read_text() == "x"


def test_a_folder_that_was_set_aside_comes_back(tmp_path):
    """Killed between the two moves, where a system cannot exchange two names."""
    room = _leftover(tmp_path)
    aside = room / temporary.SET_ASIDE / "flow.zarr"
    aside.mkdir(parents=True)
    (aside / "old").touch()
    clear_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["flow.zarr"]
    assert (tmp_path / "flow.zarr" / "old").exists()


def test_a_folder_that_is_not_there_has_no_leftovers(tmp_path):
    assert clear_leftovers(tmp_path / "missing") == []
