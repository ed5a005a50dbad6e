"""A disk that fails in any call: nothing kept is lost, nothing else is called kept.

The calls are replaced at the file layer by a disk that counts, refuses one of them and
keeps apart what it has been told to make durable.
"""

import errno
import os

import numpy as np
import pytest

from napari_motionseg.errors import WriteError
from napari_motionseg.project import LayerRecord, LoopRecord, Project
from napari_motionseg.project.journal import Delta, Journal, encode, parse

SHAPE = (3, 16, 24)


def stroke(number):
    place = number % 3, 2 * (number // 3) % 14, 3
    return Delta(2, *place, np.full((2, 3), number + 1, np.uint8))


class Disk:
    """Passes calls on to the system until one of them is refused.

    Parameters
    ----------
    refused
        Name of the call that is refused: ``"fsync"``, ``"ftruncate"``, ``"write"``,
        ``"open"`` or ``"close"``.
    at
        Which call of that name is refused, from 0.
    lasting
        Whether all later ones are refused too.
    half
        Whether a refused write first takes half of its bytes.
    """

    def __init__(self, refused="", at=0, *, lasting=False, half=False):
        self.refused, self.at, self.lasting, self.half = refused, at, lasting, half
        self.calls = []
        self.durable = {}  # content of each file after its last fsync, by path
        self.paths = {}
        self.real = {name: getattr(os, name) for name in
                     ("open", "write", "ftruncate", "fsync", "close")}  # fmt: skip

    def install(self, patch):
        for name in self.real:
            patch.setattr(os, name, getattr(self, name))

    def _count(self, name):
        before = self.calls.count(name)
        self.calls.append(name)
        late = before > self.at if self.lasting else False
        return name == self.refused and (before == self.at or late)

    def open(self, path, flags, *args, **kwargs):
        ours = str(path).endswith(".journal") and flags & os.O_WRONLY
        if ours and self._count("open"):
            raise OSError(errno.EACCES, "refused to open")
        file = self.real["open"](path, flags, *args, **kwargs)
        if ours:
            self.paths[file] = path
        return file

    def write(self, file, content):
        if file in self.paths and self._count("write"):
            if self.half and len(content) > 1:
                self.real["write"](file, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        if file in self.paths and self.half:  # short writes are no errors
            return self.real["write"](file, content[: max(1, len(content) // 2)])
        return self.real["write"](file, content)

    def ftruncate(self, file, size):
        if file in self.paths and self._count("ftruncate"):
            raise OSError(errno.EIO, "refused to cut")
        return self.real["ftruncate"](file, size)

    def fsync(self, file):
        if file in self.paths:
            if self._count("fsync"):
                raise OSError(errno.EIO, "refused to sync")
            with open(self.paths[file], "rb") as opened:
                self.durable[self.paths[file]] = opened.read()
        return self.real["fsync"](file)

    def close(self, file):
        path = self.paths.pop(file, None)
        self.real["close"](file)
        if path is not None and self._count("close"):
            raise OSError(errno.EIO, "refused at the end")


def painted(strokes):
    pixels = np.zeros(SHAPE, np.uint8)
    for number in strokes:
        delta = stroke(number)
        rows = slice(delta.row, delta.row + 2)
        pixels[delta.frame, rows, 3:6] = delta.pixels
    return pixels


def on_disk(content):
    from napari_motionseg.project.journal import replay

    return replay(parse(content), SHAPE, np.dtype(np.uint8))[0]


def test_what_is_kept_was_synced(tmp_path, monkeypatch):
    """A journal that does not wait for the disk loses what it has called kept."""
    disk = Disk()
    journal = Journal(tmp_path / "000001.journal")
    with monkeypatch.context() as patch:
        disk.install(patch)
        for number in range(4):
            journal.append([stroke(number)])
            np.testing.assert_array_equal(
                on_disk(disk.durable[journal.path]), painted(range(number + 1))
            )


def test_what_was_refused_is_cut_off_before_it_is_written_over(tmp_path, monkeypatch):
    """Shorter records must not leave the end of longer ones behind them."""
    journal = Journal(tmp_path / "000001.journal")
    journal.append([stroke(0)])
    draw = np.random.default_rng(0).integers(0, 255, (10, 20), dtype=np.uint8)
    long = [Delta(2, 1, 0, 0, draw), Delta(2, 2, 0, 0, draw)]
    disk = Disk("fsync", 0, lasting=True)
    with monkeypatch.context() as patch:
        disk.install(patch)
        patch.setattr(os, "ftruncate", refuse_later(disk))
        with pytest.raises(OSError, match="refused to sync"):
            journal.append(long)
    assert journal.torn
    journal.append([stroke(1)])
    content = journal.path.read_bytes()
    assert content == encode(stroke(0)) + encode(stroke(1))
    assert len(content) == journal.size


@pytest.mark.parametrize("call", ["fsync", "write"])
def test_what_was_refused_is_taken_back_at_once(tmp_path, monkeypatch, call):
    """The stroke may be undone: then nothing is written that would replace it."""
    journal = Journal(tmp_path / "000001.journal")
    journal.append([stroke(0)])
    disk = Disk(call, 0, half=True)
    with monkeypatch.context() as patch:
        disk.install(patch)
        with pytest.raises(OSError, match="."):
            journal.append([stroke(1), stroke(2)])
    assert not journal.torn
    assert journal.path.read_bytes() == encode(stroke(0))
    assert disk.calls.count("fsync") == (2 if call == "fsync" else 1)


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("call", ["open", "write", "ftruncate", "fsync", "close"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_refusal_anywhere(tmp_path, monkeypatch, call, at, half, lasting):
    disk = Disk(call, at, lasting=lasting, half=half)
    journal = Journal(tmp_path / "000001.journal")
    kept, refused = [], []
    with monkeypatch.context() as patch:
        disk.install(patch)
        for number in range(6):
            try:
                journal.append([stroke(number)])
            except OSError:
                refused.append(number)
                continue
            kept.append(number)
            if not lasting:
                durable = on_disk(disk.durable[journal.path])
                np.testing.assert_array_equal(durable, painted(kept))
    content = journal.path.read_bytes() if journal.path.exists() else b""
    found = on_disk(content[: journal.size])
    np.testing.assert_array_equal(found, painted(kept))
    if not journal.torn:
        np.testing.assert_array_equal(on_disk(content), painted(kept))
    journal.append([])  # the disk is well again
    assert not journal.torn
    np.testing.assert_array_equal(on_disk(journal.path.read_bytes()), painted(kept))
    assert disk.calls.count(call) > at
    assert refused or call == "ftruncate"


@pytest.fixture
def filled(project):
    loop = LoopRecord(1, "a", "../a.dcm", SHAPE)
    layer = LayerRecord(2, 1, "a labels", "labels", SHAPE, "uint8")
    project.update(project.manifest.with_loop(loop).with_layer(layer))
    return project


@pytest.mark.parametrize("call", ["write", "ftruncate", "fsync", "close"])
def test_a_project_says_so_and_holds_what_it_said(filled, monkeypatch, call):
    filled.append([stroke(0)])
    disk = Disk(call, 0, lasting=True, half=True)
    with monkeypatch.context() as patch:
        disk.install(patch)
        with pytest.raises(WriteError, match="cannot write to"):
            filled.append([stroke(1)])
        with pytest.raises(WriteError, match="cannot write to"):
            filled.compact() if filled.torn else filled.append([stroke(1)])
    filled.append(())
    np.testing.assert_array_equal(filled.read_layers()[2], painted([0]))
    filled.append([stroke(1)])
    filled.compact()
    np.testing.assert_array_equal(filled.read_layers()[2], painted([0, 1]))


def test_a_torn_journal_is_not_compacted_nor_moved(filled, monkeypatch, tmp_path):
    """What the disk refused, and would not take back, must not become kept."""
    filled.append([stroke(0)])
    disk = Disk("fsync", 0, lasting=True)
    with monkeypatch.context() as patch:
        disk.install(patch)
        patch.setattr(os, "ftruncate", refuse_later(disk))
        with pytest.raises(WriteError):
            filled.append([stroke(1)])
        assert filled.torn
        with pytest.raises(WriteError):
            filled.compact()
        np.testing.assert_array_equal(filled.read_layers()[2][0], painted([0])[0])
        filled.move(tmp_path / "elsewhere")
    np.testing.assert_array_equal(filled.read_layers()[2], painted([0]))


def refuse_later(disk):
    """Return a call that cuts a file once, and refuses afterwards."""
    done = []

    def cut(file, size):
        if done:
            raise OSError(errno.EROFS, "Read-only file system")
        done.append(size)
        return disk.real["ftruncate"](file, size)

    return cut


def test_two_journals_of_one_number_do_not_mix(filled):
    """Two windows on a file system without locks: each writes a file of its own."""
    filled.append([stroke(0)])
    other = Project(filled.folder, filled.manifest, filled._lock)
    late = Project(filled.folder, filled.manifest, filled._lock)
    other.append([stroke(1)])
    late.append([stroke(2)])
    filled.append([stroke(3)])
    names = sorted(path.name for path in (filled.folder / "labels").iterdir())
    assert names == ["000001.journal", "000002.journal", "000003.journal"]
    np.testing.assert_array_equal(filled.read_layers()[2], painted(range(4)))
