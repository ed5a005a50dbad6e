"""Results of many loops in one folder: nobody's file is ever replaced by another's."""

import json
import subprocess
import sys

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import OccupiedError, WriteError
from napari_motionseg.io import write_masks
from napari_motionseg.io.locks import locked
from napari_motionseg.io.output_folder import (
    LOCK,
    MANIFEST,
    OutputFolder,
    Source,
    safe_stem,
)

ONE, OTHER = Source("/a/IM0001", "IM0001", "1" * 64), Source("/b/IM0001", "IM0001", "2")
NAMES = [("IM0001", "_masks.npz")]


def _write(folder, source, text="new", names=NAMES, overwrite=False):
    outputs = OutputFolder(folder, {"model": "m"}, overwrite=overwrite)
    with outputs.writing(source, names) as draft:
        for path in draft.temporary:
            path.write_text(text)
    return [path.name for path in draft.final]


def _entries(folder):
    return json.loads((folder / MANIFEST).read_text())["outputs"]


def _results(folder):
    hidden = (MANIFEST, LOCK)
    return {p.name: p.read_text() for p in folder.iterdir() if p.name not in hidden}


def test_two_loops_of_one_name_keep_their_results(tmp_path):
    (first,), (second,) = _write(tmp_path, ONE, "1"), _write(tmp_path, OTHER, "2")
    assert first == "IM0001_masks.npz"
    assert second == f"IM0001-{OTHER.identity[:8]}_masks.npz"
    assert _results(tmp_path) == {first: "1", second: "2"}
    entry = _entries(tmp_path)[second]
    assert entry["source"] == {"path": "/b/IM0001", "name": "IM0001", "sha256": "2"}
    assert entry["settings"] == {"model": "m"}


def test_a_rerun_keeps_the_names_in_any_order(tmp_path):
    names = [_write(tmp_path, source) for source in (ONE, OTHER)]
    again = [_write(tmp_path, source, "again") for source in (OTHER, ONE)]
    assert again[::-1] == names
    assert _results(tmp_path) == {names[0][0]: "again", names[1][0]: "again"}


def test_all_names_of_one_source_get_the_hash_together(tmp_path):
    pair = [("cine", ".dcm"), ("cine", "_truth.npz")]
    (tmp_path / "cine_truth.npz").write_text("mine")
    tag = f"cine-{ONE.identity[:8]}"
    assert _write(tmp_path, ONE, names=pair) == [f"{tag}.dcm", f"{tag}_truth.npz"]
    (tmp_path / "cine_truth.npz").unlink()
    assert _write(tmp_path, ONE, names=pair) == [f"{tag}.dcm", f"{tag}_truth.npz"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_that_is_not_listed_is_never_replaced(overwrite, tmp_path):
    (tmp_path / "IM0001_masks.npz").write_text("mine")
    (name,) = _write(tmp_path, ONE, overwrite=overwrite)
    assert name == f"IM0001-{ONE.identity[:8]}_masks.npz"
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(OccupiedError, match="choose another folder"):
        _write(tmp_path, ONE, overwrite=overwrite)
    assert (tmp_path / "IM0001_masks.npz").read_text() == "mine"


def test_a_result_that_was_changed_stays_without_overwrite(tmp_path):
    (name,) = _write(tmp_path, ONE, "1")
    (tmp_path / name).write_text("corrected by hand")
    with pytest.raises(OccupiedError, match=r"was changed after.*--overwrite"):
        _write(tmp_path, ONE, "2")
    assert (tmp_path / name).read_text() == "corrected by hand"
    _write(tmp_path, ONE, "2", overwrite=True)
    assert (tmp_path / name).read_text() == "2"


def test_a_change_is_said_before_any_work(tmp_path):
    (name,) = _write(tmp_path, ONE, "1")
    (tmp_path / name).write_text("corrected by hand")
    with (
        pytest.raises(OccupiedError),
        OutputFolder(tmp_path).writing(ONE, NAMES),
    ):
        pytest.fail("the work has begun")


def test_a_name_in_another_case_is_taken(tmp_path):
    """Some file systems see no difference."""
    _write(tmp_path, ONE)
    (name,) = _write(tmp_path, OTHER, names=[("im0001", "_masks.npz")])
    assert name == f"im0001-{OTHER.identity[:8]}_masks.npz"


def test_an_error_leaves_everything_as_it_was(tmp_path):
    _write(tmp_path, ONE, "1")
    before = (tmp_path / MANIFEST).read_text()
    with pytest.raises(ZeroDivisionError):
        _fail(tmp_path)
    assert (tmp_path / MANIFEST).read_text() == before
    assert _results(tmp_path) == {"IM0001_masks.npz": "1"}


def _fail(folder):
    with OutputFolder(folder).writing(ONE, NAMES) as draft:
        draft.temporary[0].write_text("half")
        _ = 1 / 0


def test_a_writer_that_writes_nothing_is_an_error(tmp_path):
    with (
        pytest.raises(WriteError, match="No such file"),
        OutputFolder(tmp_path).writing(ONE, NAMES),
    ):
        pass


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"outputs": {}}',
        "[" * 100_000,
        '{"made_by": "others", "outputs": {}}',
    ],
)
def test_a_manifest_of_others_is_never_replaced(text, tmp_path):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(OccupiedError, match="is not a manifest of this program"):
        _write(tmp_path, ONE)
    assert (tmp_path / MANIFEST).read_text() == text


def test_a_manifest_that_is_a_link_is_not_followed(tmp_path):
    _write(tmp_path / "a", ONE)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / MANIFEST).symlink_to(tmp_path / "a" / MANIFEST)
    with pytest.raises(OccupiedError, match="link"):
        _write(tmp_path / "b", ONE)


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OccupiedError, match="not a folder"):
        OutputFolder(tmp_path / "out")


def test_series_of_png_are_told_apart_and_replaced(tmp_path):
    masks = np.ones((2, 8, 8), np.uint8)
    for source in (ONE, OTHER, ONE):
        with OutputFolder(tmp_path).writing(
            source, [("a", "_masks")], "masks"
        ) as draft:
            write_masks(draft.temporary[0], masks)
    assert sorted(_entries(tmp_path)) == sorted(
        ["a_masks", f"a-{OTHER.identity[:8]}_masks"]
    )
    (tmp_path / "a_masks" / "notes.txt").write_text("mine")
    with (
        pytest.raises(OccupiedError, match=r"notes\.txt"),
        OutputFolder(tmp_path).writing(ONE, [("a", "_masks")], "masks"),
    ):
        pass
    assert (tmp_path / "a_masks" / "notes.txt").read_text() == "mine"


WRITER = """
import sys
from napari_motionseg.io.output_folder import OutputFolder, Source
folder, path = sys.argv[1:]
for n in range(5):
    source = Source(path, "IM0001", str(n))
    with OutputFolder(folder).writing(source, [("IM0001", "_masks.npz")]) as draft:
        draft.temporary[0].write_text(f"{path} {n}")
"""


def test_processes_at_once_keep_each_others_results(tmp_path):
    words = [sys.executable, "-c", WRITER, str(tmp_path)]
    children = [subprocess.Popen([*words, path]) for path in ("/a", "/b", "/c")]
    assert [child.wait() for child in children] == [0, 0, 0]
    results, entries = _results(tmp_path), _entries(tmp_path)
    assert set(results) == set(entries)
    for name, entry in entries.items():
        source = entry["source"]
        assert results[name] == f"{source['path']} {source['sha256']}"
    assert len(results) == 15


def test_a_lock_that_is_held_is_waited_for_and_named(tmp_path):
    with locked(tmp_path / LOCK), pytest.raises(WriteError, match="another process"):
        _wait(tmp_path)


def _wait(folder):
    with locked(folder / LOCK, wait_s=0.05):
        pass


# names that are fixed


def test_claimed_names_refuse_files_of_others(tmp_path):
    (tmp_path / "summary.json").write_text("mine")
    outputs = OutputFolder(tmp_path)
    with pytest.raises(OccupiedError, match="did not write"):
        outputs.claim({"rows.jsonl": "", "summary.json": ""}, ONE)
    assert not (tmp_path / MANIFEST).exists()


def test_a_killed_run_can_be_repeated_and_a_change_is_seen(tmp_path):
    OutputFolder(tmp_path).claim({"a.json": ""}, ONE)
    (tmp_path / "a.json").write_text("half")
    outputs = OutputFolder(tmp_path)
    outputs.claim({"a.json": ""}, ONE)
    (tmp_path / "a.json").write_text("whole")
    outputs.settle(["a.json", "missing"])
    OutputFolder(tmp_path).claim({"a.json": ""}, ONE)
    outputs.settle(["a.json"])
    (tmp_path / "a.json").write_text("mine")
    with pytest.raises(OccupiedError, match="was changed after"):
        OutputFolder(tmp_path).claim({"a.json": ""}, ONE)
    OutputFolder(tmp_path, overwrite=True).claim({"a.json": ""}, ONE)


# sources and names


def test_a_source_is_its_path_its_name_and_its_pixels(tmp_path):
    pixels = np.zeros((2, 8, 8), np.uint8)
    paths = [tmp_path / "a", tmp_path / "b"]
    cines = [Cine.from_array(pixels, name="x", source=path) for path in paths]
    cines.append(Cine.from_array(pixels, name="y", source=paths[0]))
    cines.append(Cine.from_array(pixels + 1, name="x", source=paths[0]))
    assert len({Source.of(cine).identity for cine in cines}) == 4
    again = Cine.from_array(pixels, name="x", source=paths[0])
    assert Source.of(again) == Source.of(cines[0])
    assert Source.of(Cine.from_array(pixels, name="z")).path == "z"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("1.2.826.0.1.3680043.10.999.3.1", "1.2.826.0.1.3680043.10.999.3.1"),
        ("Größe 1", "Größe 1"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("a/b\\c:d", "a_b_c_d"),
        ("a\x1b[31m\n", "a_[31m_"),
        (".hidden", "_hidden"),
        ("-rf", "_rf"),
        ("trailing. . ", "trailing"),
        ("", "loop"),
        ("...", "loop"),
    ],
)
def test_names_of_loops_become_names_of_files(name, stem):
    assert safe_stem(name) == stem


def test_long_names_that_are_cut_stay_apart(tmp_path):
    names = [("ö" * 200 + end, "_masks.npz") for end in "ab"]
    written = [_write(tmp_path, ONE, names=[name])[0] for name in names[:1]]
    written += _write(tmp_path, OTHER, names=names[1:])
    assert len(set(written)) == 2
    assert all(len(name.encode()) < 255 for name in written)


def test_two_ways_to_write_a_letter_are_one_name(tmp_path):
    (first,) = _write(tmp_path, ONE, names=[("caf\u00e9", "_masks.npz")])
    (second,) = _write(tmp_path, OTHER, names=[("cafe\u0301", "_masks.npz")])
    assert first == "caf\u00e9_masks.npz"
    assert second == f"cafe\u0301-{OTHER.identity[:8]}_masks.npz"
