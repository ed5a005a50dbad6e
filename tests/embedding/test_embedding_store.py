"""What was embedded once is found again, in memory and on disk, within bounds."""

import os

import numpy as np
import pytest
import torch

from napari_motionseg.embedding.embedding_store import EmbeddingStore, embedding_key
from napari_motionseg.embedding.features import (
    class_probabilities,
    embed_frame,
    recall_embedding,
)
from napari_motionseg.models import SegmentationNet, UNet, UNetConfig

TINY = UNetConfig(width=4, depth=2, embedding_dim=8)


@pytest.fixture
def embedding():
    return np.random.default_rng(0).normal(size=(8, 6, 7)).astype(np.float16)


@pytest.fixture
def store(tmp_path):
    return EmbeddingStore(tmp_path / "embedding")


def name(letter):
    """Return a name as those that `embedding_key` gives."""
    return 40 * letter


def test_what_was_written_is_read(store, embedding):
    assert store.read("a") is None
    store.write("a", embedding)
    assert store.holds("a")
    np.testing.assert_array_equal(store.read("a"), embedding)
    assert not [p for p in store.folder.iterdir() if p.name.startswith(".")]


DAMAGES = {
    "emptied": lambda whole: b"",
    "cut in the first words": lambda whole: whole[:4],
    "cut in the header": lambda whole: whole[:100],
    "cut in the pixels": lambda whole: whole[:-20],
    "too long": lambda whole: whole + bytes(20),
    "another shape": lambda whole: whole.replace(b"(8, 6, 7)", b"(8, 6, 9)"),
    "no shape": lambda whole: whole.replace(b"(8, 6, 7)", b"(8, 6, ++"),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_file_of_ours_is_not_there_and_is_written_anew(store, embedding, how):
    store.write("a", embedding)
    (path,) = store.folder.glob("*.npy")
    path.write_bytes(DAMAGES[how](path.read_bytes()))
    assert store.read("a") is None
    assert not store.holds("a")
    store.write("a", embedding)
    np.testing.assert_array_equal(store.read("a"), embedding)
    assert not store.trouble


def _structured():
    return np.zeros(2, [(f"a long name of a column {n}", "<f2") for n in range(400)])


OTHERS = {
    "a newer format": ((2, 0), np.ones((2, 3, 4), np.float16)),
    "the newest format": ((3, 0), np.ones((2, 3, 4), np.float16)),
    "a header that is too long": ((1, 0), _structured()),
    "another type": ((1, 0), np.ones((2, 3, 4), np.float32)),
    "columns first": ((1, 0), np.ones((2, 3, 4), np.float16, order="F")),
}


@pytest.mark.parametrize("what", OTHERS)
def test_an_array_of_others_under_our_name_stays(store, embedding, what):
    version, array = OTHERS[what]
    store.write(name("b"), embedding)
    path = store.folder / f"{name('a')}.npy"
    with path.open("wb") as file:
        np.lib.format.write_array(file, array, version=version)
    before = path.read_bytes()
    store.write(name("a"), embedding)
    store.clear()
    assert path.read_bytes() == before
    assert store.read(name("a")) is None
    assert not store.trouble


def foreign_files(folder, embedding):
    """Put files of somebody else into a folder; return their content by path."""
    folder.mkdir(exist_ok=True)
    np.save(folder / "mine.npy", embedding)  # of our shape, but not of our name
    np.save(folder / f"{name('f')}.npy", embedding.astype(np.float32))
    (folder / f"{name('e')}.npy").write_text("not an array")
    (folder / "notes.txt").write_text("notes")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("[core]")
    elsewhere = folder.parent / "elsewhere.npy"
    np.save(elsewhere, embedding)
    (folder / f"{name('d')}.npy").symlink_to(elsewhere)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in (*files, elsewhere)}


def test_files_of_others_stay(tmp_path, embedding):
    store = EmbeddingStore(tmp_path / "used", capacity=embedding.nbytes + 200)
    planted = foreign_files(store.folder, embedding)
    for letter in "abcdef":
        store.write(name(letter), embedding)
    assert store.holds(name("c"))
    assert not store.holds(name("d"))  # a link
    assert store.read(name("e")) is None
    store.clear()
    assert not store.holds(name("c"))
    assert {path: path.read_bytes() for path in planted} == planted
    assert (store.folder / f"{name('d')}.npy").is_symlink()
    assert not (store.folder / "CACHEDIR.TAG").exists()


def test_a_new_folder_is_tagged_for_backup_programs(store, embedding):
    store.write("a", embedding)
    tag = (store.folder / "CACHEDIR.TAG").read_text()
    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
@pytest.mark.parametrize("what", ["fifo", "device", "folder", "huge", "endless"])
def test_what_is_no_file_is_no_embedding(store, embedding, what):
    store.write("a", embedding)
    path = store.folder / "a.npy"
    head = path.read_bytes()[:128]
    path.unlink()
    if what == "fifo":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "folder":
        path.mkdir()
    else:
        shape = (2**20, 2**20, 2**20) if what == "huge" else (-1, -2, 8)
        np.save(path, np.zeros(3))
        with path.open("wb") as file:
            parts = {"descr": "<f2", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, parts)
    assert len(head) == 128
    assert store.read("a") is None
    assert not store.holds("a")


def test_a_pickle_in_its_place_is_not_loaded(store):
    store.folder.mkdir()
    np.save(store.folder / "a.npy", np.array([{}]), allow_pickle=True)
    assert store.read("a") is None


def test_the_longest_unused_makes_room(tmp_path, embedding):
    size = embedding.nbytes + 128  # with the file's head
    store = EmbeddingStore(tmp_path, capacity=3 * size + embedding.nbytes)
    for age, key in enumerate("abc"):
        store.write(name(key), embedding)
        os.utime(tmp_path / f"{name(key)}.npy", (age, age))
    store.read(name("a"))
    store.write(name("d"), embedding)
    store.write(name("e"), embedding)
    assert [key for key in "abcde" if store.holds(name(key))] == [*"acde"]
    small = EmbeddingStore(tmp_path / "small", capacity=8)
    small.write("a", embedding)
    assert not small.holds("a")


def test_a_folder_that_cannot_be_written_is_named_once(tmp_path, embedding):
    (tmp_path / "file").write_text("")
    store = EmbeddingStore(tmp_path / "file" / "embedding")
    store.write("a", embedding)
    assert "not kept for next time" in store.trouble
    store.write("a", embedding)
    assert store.read("a") is None


def test_keys_tell_pixels_and_networks_apart():
    frame = np.random.default_rng(0).random((4, 6)).astype(np.float32)
    keys = {
        embedding_key("a", frame),
        embedding_key("b", frame),
        embedding_key("a", frame.reshape(6, 4)),
        embedding_key("a", frame + np.float32(0.1)),
    }
    assert len(keys) == 4
    assert embedding_key("a", np.asfortranarray(frame)) in keys


def test_a_user_may_have_no_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MOTIONSEG_CACHE", "off")
    assert EmbeddingStore.default() is None
    monkeypatch.setenv("MOTIONSEG_CACHE", str(tmp_path))
    assert EmbeddingStore.default().folder == tmp_path / "motionseg-cache/embedding"


def test_an_embedding_is_computed_once(store, noise_cine):
    torch.manual_seed(0)
    model, frame = UNet(TINY), noise_cine.normalized(0)
    first = recall_embedding(model, frame, "network", store)
    np.testing.assert_array_equal(first, embed_frame(model, frame).astype(np.float16))
    other = UNet(TINY)  # of other weights: only what was kept can answer alike
    np.testing.assert_array_equal(
        recall_embedding(other, frame, "network", store), first
    )
    assert (recall_embedding(other, frame, "another", store) != first).any()
    assert (recall_embedding(other, frame, "network", None) != first).any()


def test_values_beyond_half_precision_are_held(noise_cine):
    model = UNet(TINY)
    with torch.no_grad():
        model.last.bias += 1e6
    found = recall_embedding(model, noise_cine.normalized(0), "a", None)
    assert np.isfinite(found).all()
    assert found.max() == np.finfo(np.float16).max


@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities_of_a_pixel_are_the_network_s(noise_cine, classes):
    torch.manual_seed(0)
    model, frame = SegmentationNet(TINY, classes).eval(), noise_cine.normalized(0)
    with torch.no_grad():
        expected = model.probabilities(torch.from_numpy(frame)[None, None])[0]
    vector = embed_frame(model, frame)[:, 5, 9]
    np.testing.assert_allclose(
        class_probabilities(model, vector), expected[:, 5, 9], atol=1e-5
    )
    assert class_probabilities(model.embedding, vector) is None
