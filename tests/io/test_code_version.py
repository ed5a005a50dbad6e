"""What is kept on disk by older code is not taken for what this code computes."""

from pathlib import Path

import numpy as np
import pytest

import napari_motionseg
from napari_motionseg.embedding import embedding_store
from napari_motionseg.io.code_version import NUMERICAL, code_version, source_digest
from napari_motionseg.motion import flow_cache
from napari_motionseg.version import __version__


@pytest.fixture
def folders(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.py").write_text("ONE = 1\n")
    return [tmp_path / "a", tmp_path / "b"]


def test_it_begins_with_the_version_and_stays_the_same():
    assert code_version().startswith(f"{__version__} ")
    assert code_version() == code_version()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "one.py").write_text("ONE = 2\n"),
        lambda folder: (folder / "two.py").write_text(""),
        lambda folder: (folder / "one.py").unlink(),
        lambda folder: (folder / "one.py").rename(folder / "other.py"),
    ],
    ids=["changed", "added", "removed", "renamed"],
)
@pytest.mark.parametrize("number", [0, 1])
def test_each_change_of_code_counts(folders, change, number):
    before = source_digest(folders)
    change(folders[number])
    assert source_digest(folders) != before


def test_other_files_do_not_count(folders):
    before = source_digest(folders)
    (folders[0] / "notes.txt").write_text("no code")
    (folders[0] / "__pycache__").mkdir()
    assert source_digest(folders) == before


def test_flow_and_embeddings_are_kept_under_it(monkeypatch, tmp_path):
    def names():
        entry = flow_cache.FlowCache(tmp_path).entry({"method": "x"}, (1, 8, 8))
        key = embedding_store.embedding_key("network", np.zeros((8, 8), np.float32))
        return {entry.folder.name, key}

    now = names()
    assert now == names()
    for module in (flow_cache, embedding_store):
        monkeypatch.setattr(module, "code_version", lambda: "another one")
    assert not now & names()


def test_the_folders_hold_the_code():
    package = Path(napari_motionseg.__file__).parent
    for name in NUMERICAL:
        assert any((package / name).glob("*.py")), name
