"""Results that have their final names are complete after a power cut."""

import errno
import os

import pytest
from helpers.power_cut import AVAILABLE, Cuts

from napari_motionseg.io import durable, result_folders
from napari_motionseg.io.atomic import new_folder, place_file, replacing
from napari_motionseg.io.durable import flush_folder, flush_tree, make_folders
from napari_motionseg.io.result_folders import replacing_folder

needs_proc = pytest.mark.skipif(not AVAILABLE, reason="needs /proc/self/fd")


@pytest.fixture
def cuts(tmp_path, monkeypatch):
    made = Cuts(tmp_path, monkeypatch)
    yield made
    made.power.close()


def nothing(disk):
    """Check nothing."""


def write_file(path, content):
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_folder(path, files, **how):
    with replacing_folder(path, "masks", **how) as room:
        for name, content in files.items():
            (room / name).parent.mkdir(parents=True, exist_ok=True)
            (room / name).write_bytes(content)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


@needs_proc
def test_a_file_is_the_old_one_or_the_new_one_at_any_moment(cuts):
    old, new = b"old" * 50, b"new" * 70
    cuts.during(lambda: write_file(cuts.disk / "a.bin", old), nothing)

    def either(disk):
        assert (disk / "a.bin").read_bytes() in (old, new)

    cuts.during(lambda: write_file(cuts.disk / "a.bin", new), either)

    def is_new(disk):
        assert (disk / "a.bin").read_bytes() == new

    cuts.after(is_new)


@needs_proc
def test_a_file_in_folders_that_were_made_for_it(cuts):
    target = cuts.disk / "b" / "c" / "d" / "a.bin"
    cuts.during(lambda: write_file(target, b"new"), nothing)

    def check(disk):
        assert (disk / "b" / "c" / "d" / "a.bin").read_bytes() == b"new"

    cuts.after(check)


@needs_proc
def test_a_file_that_takes_only_a_free_name(cuts):
    def act():
        (cuts.disk / "temporary").write_bytes(b"new")
        place_file(cuts.disk / "temporary", cuts.disk / "a.bin", only_new=True)

    cuts.during(act, nothing)

    def check(disk):
        assert (disk / "a.bin").read_bytes() == b"new"

    cuts.after(check)


FILES = {"x.bin": b"one" * 9, "deep/er/y.bin": b"two" * 9}


@needs_proc
def test_a_new_folder_is_complete_once_it_has_its_name(cuts):
    def act():
        with new_folder(cuts.disk / "n") as room:
            for name, content in FILES.items():
                (room / name).parent.mkdir(parents=True, exist_ok=True)
                (room / name).write_bytes(content)

    def complete_or_absent(disk):
        assert not (disk / "n").exists() or contents(disk / "n") == FILES

    cuts.during(act, complete_or_absent)

    def complete(disk):
        assert contents(disk / "n") == FILES

    cuts.after(complete)


@needs_proc
def test_a_result_folder_is_the_old_one_or_the_new_one_at_any_moment(cuts):
    target = cuts.disk / "r"
    new = {"x.bin": b"three", "deep/z.bin": b"four"}
    cuts.during(lambda: write_folder(target, FILES), nothing)
    cuts.after(lambda disk: same(contents(disk / "r"), FILES))
    cuts.during(
        lambda: write_folder(target, new),
        lambda disk: same(contents(disk / "r"), FILES, new),
    )
    cuts.after(lambda disk: same(contents(disk / "r"), new))


@needs_proc
def test_a_result_among_files_of_others_is_complete_in_the_end(cuts):
    target = cuts.disk / "r"
    cuts.during(lambda: write_folder(target, FILES), nothing)
    (target / "notes.txt").write_bytes(b"mine")
    new = {"x.bin": b"three", "other/z.bin": b"four"}
    cuts.during(lambda: write_folder(target, new, overwrite=True), nothing)

    def check(disk):
        found = contents(disk / "r")
        assert found["x.bin"] == b"three"
        assert found["other/z.bin"] == b"four"

    cuts.after(check)


def same(found, *allowed):
    assert found in allowed


@needs_proc
def test_folders_that_are_made_are_durable(cuts):
    cuts.during(lambda: make_folders(cuts.disk / "a" / "b" / "c"), nothing)
    cuts.after(lambda disk: same((disk / "a" / "b" / "c").is_dir(), True))
    before = cuts.power.syncs
    make_folders(cuts.disk / "a" / "b")
    assert cuts.power.syncs == before


@needs_proc
def test_a_tree_is_flushed_and_links_are_not_followed(cuts, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes(b"of somebody")
    outside.chmod(0o400)
    tree = cuts.disk / "t"

    def act():
        (tree / "deep").mkdir(parents=True)
        (tree / "deep" / "a").write_bytes(b"content")
        (tree / "link").symlink_to(outside)
        flush_tree(tree)
        (tree / "link").unlink()
        flush_folder(cuts.disk)

    cuts.during(act, nothing)
    cuts.after(lambda disk: same((disk / "t/deep/a").read_bytes(), b"content"))


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path, monkeypatch):
    def refused(file):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refused)
    flush_folder(tmp_path)
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(OSError, match="Invalid argument"):
        flush_tree(tmp_path)


def test_windows_has_no_names_to_flush(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "fsync", calls.append)
    monkeypatch.setattr(durable.sys, "platform", "win32")
    flush_folder(tmp_path)
    assert calls == []


@needs_proc
def test_folders_change_places_where_no_single_step_can(cuts, monkeypatch):
    monkeypatch.setattr(result_folders, "_swapped", lambda one, other: False)
    target = cuts.disk / "r"
    cuts.during(lambda: write_folder(target, FILES), nothing)
    cuts.during(lambda: write_folder(target, {"x.bin": b"new"}), nothing)
    cuts.after(lambda disk: same(contents(disk / "r"), {"x.bin": b"new"}))
