"""A session knows loops by layer, caches, and runs one job at a time."""

import gc
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.cine.summary import summarize_cine
from napari_motionseg.errors import CheckpointError, JobError, LabelError, SettingsError
from napari_motionseg.io import temporary
from napari_motionseg.jobs import Progress, run
from napari_motionseg.viewmodel.frame_embeddings import frame_embedding
from napari_motionseg.viewmodel.session import (
    EmbeddingCache,
    Model,
    Session,
    cine_of_layer,
    in_folder_job,
    labels_of_layer,
)


class Layer:
    """As much of an image layer as a session looks at."""

    def __init__(self, data, **attributes):
        self.data = data
        self.name = "a layer"
        self.metadata = {}
        self.rgb = False
        self.scale = (1.0, 1.0, 1.0)
        self.units = ("pixel", "pixel", "pixel")
        vars(self).update(attributes)


@pytest.fixture
def session():
    made = Session()
    yield made
    made.close()


PIXELS = np.random.default_rng(0).integers(0, 255, (4, 10, 12), dtype=np.uint8)


def wait_job():
    yield Progress(0, 1)
    import time

    time.sleep(60)


# loops


def test_a_layer_keeps_its_loop_until_its_pixels_change(session):
    layer = Layer(PIXELS)
    loop = session.loop(layer)
    assert session.loop(layer) is loop
    layer.data = PIXELS[:3]
    assert session.loop(layer) is not loop
    assert session.loop(layer, refresh=True).cine.shape == (3, 10, 12)


def test_a_layer_that_goes_takes_its_loop_along(session):
    layer = Layer(PIXELS)
    session.loop(layer)
    assert len(session._loops) == 1
    del layer
    gc.collect()
    assert len(session._loops) == 0


def test_a_loop_of_this_plugin_is_taken_as_it_is(small_cine):
    layer = Layer(small_cine.frames, metadata={"cine": small_cine})
    assert cine_of_layer(layer) is small_cine


def test_millimetres_of_a_layer_are_its_spacing():
    units = ("pixel", "millimeter", "millimeter")
    layer = Layer(PIXELS, units=units, scale=(1, 0.3, 0.2))
    assert cine_of_layer(layer).pixel_spacing == (0.3, 0.2)
    assert cine_of_layer(Layer(PIXELS, scale=(1, 0.3, 0.2))).pixel_spacing is None


def test_colours_become_luminance():
    red = np.zeros((2, 6, 6, 3), np.uint8)
    red[..., 0] = 255
    cine = cine_of_layer(Layer(red, rgb=True))
    assert cine.normalized(0).mean() == pytest.approx(0.299, abs=1e-3)
    assert any("luminance" in note for note in cine.notes)


@pytest.mark.parametrize("dtype", [np.int32, np.float64])
def test_wide_values_are_rescaled_and_this_is_said(dtype):
    values = np.linspace(-1000, 3000, 4 * 25).reshape(4, 5, 5).astype(dtype)
    cine = cine_of_layer(Layer(values))
    first, last = cine.normalized(0), cine.normalized(3)
    assert first.min() == pytest.approx(0, abs=1e-3)
    assert last.max() == pytest.approx(1, abs=1e-3)
    assert any("rescaled" in note for note in cine.notes)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (np.zeros((2, 3, 4, 5), np.uint8), "axes"),
        (np.full((2, 4, 4), np.nan), "finite"),
        ([PIXELS, PIXELS[:, ::2, ::2]], "resolutions"),
    ],
)
def test_what_is_no_loop_is_refused(data, told):
    with pytest.raises(SettingsError, match=told):
        cine_of_layer(Layer(data))


# labels


def test_labels_of_a_loop_and_of_a_single_frame():
    cine = Cine.from_array(PIXELS)
    painted = np.zeros(PIXELS.shape, np.uint8)
    painted[2, 3, 4] = 1
    labels = labels_of_layer(Layer(painted), cine, "dense", 0)
    assert list(labels.frames) == [2]
    labels = labels_of_layer(Layer(painted[2]), cine, "dense", 1)
    assert list(labels.frames) == [1]


def test_labels_of_another_shape_are_refused():
    layer = Layer(np.ones((4, 9, 12), np.uint8))
    with pytest.raises(LabelError, match="shape"):
        labels_of_layer(layer, Cine.from_array(PIXELS), "dense", 0)


# caches and models


def test_the_cache_drops_what_was_used_longest_ago():
    embedding = np.ones((2, 8, 8), np.float16)
    cache = EmbeddingCache(capacity_bytes=3 * embedding.nbytes)
    for key in "abc":
        cache.put(key, embedding)
    cache.get("a")
    cache.put("d", embedding)
    assert [key in cache for key in "abcd"] == [True, False, True, True]
    assert cache.get("b") is None
    small = EmbeddingCache(capacity_bytes=1)
    small.put("x", embedding)
    assert len(small) == 1


def test_models_are_told_once(session, tmp_path):
    told = []
    session.models_changed.connect(told.append)
    model = Model(tmp_path / "a.safetensors", "embedding", "a")
    session.add_model(model)
    session.add_model(model)
    assert told == [model]


def test_a_network_that_is_not_there_is_refused(session, tmp_path):
    with pytest.raises(CheckpointError, match="no such"):
        session.network(tmp_path / "a.safetensors")


# jobs


def test_one_job_at_a_time(session):
    titles = []
    session.job_changed.connect(titles.append)
    job = session.start("Waiting", wait_job)
    with pytest.raises(JobError, match="Waiting is still running"):
        session.start("Another", wait_job)
    job.cancel()
    session.job_ended(job)
    assert titles == ["Waiting", None]


def test_closing_ends_the_job_and_removes_the_files():
    session = Session()
    job = session.start("Waiting", wait_job)
    path = session.new_path("model")
    assert path != session.new_path("model")
    path.write_text("x")
    session.close()
    assert not job.running
    assert not session.folder.exists()


def test_facts_hold_no_patient():
    cine = Cine.from_array(PIXELS, frame_times=np.arange(4) * 66.7)
    facts = dict(summarize_cine(cine))
    assert facts["Frames"] == "4"
    assert "15 frames/s" in facts["Timing"]
    assert facts["Spacing"].startswith("unknown")


# embeddings of frames


@pytest.fixture
def embedding_file(tmp_path):
    import dataclasses

    from napari_motionseg.models import ModelCard, UNet, UNetConfig, save_model

    config = UNetConfig(width=4, depth=2, embedding_dim=6)
    path = tmp_path / "embedding.safetensors"
    card = ModelCard("embedding", "UNet", dataclasses.asdict(config), {})
    save_model(path, UNet(config), card)
    return path


def test_a_frame_is_embedded_once_and_found_on_disk(
    session, embedding_file, monkeypatch, tmp_path
):
    monkeypatch.setenv("MOTIONSEG_CACHE", str(tmp_path / "cache"))
    layer = Layer(np.random.default_rng(0).integers(0, 255, (3, 16, 18), np.uint8))
    loop = session.loop(layer)
    first = frame_embedding(session, loop, embedding_file, 1)
    assert (first.shape, first.dtype) == ((6, 16, 18), np.float16)
    assert frame_embedding(session, loop, embedding_file, 1) is first
    assert 1 in loop.palettes[embedding_file]

    session.embeddings.discard(lambda key: True)
    monkeypatch.setattr("napari_motionseg.embedding.features.embed_frame", None)
    again = frame_embedding(session, loop, embedding_file, 1, remember=False)
    np.testing.assert_array_equal(again, first)
    assert len(session.embeddings) == 0


def test_a_loop_that_is_gone_takes_its_embeddings_along(session, embedding_file):
    layer = Layer(PIXELS)
    frame_embedding(session, session.loop(layer), embedding_file, 0)
    other = Layer(PIXELS)
    frame_embedding(session, session.loop(other), embedding_file, 0)
    assert len(session.embeddings) == 2
    del layer
    gc.collect()
    assert len(session.embeddings) == 1


def test_two_networks_stay_at_hand(session, embedding_file, tmp_path):
    import shutil

    others = [tmp_path / f"{name}.safetensors" for name in "bc"]
    for other in others:
        shutil.copyfile(embedding_file, other)
    first = session.network(embedding_file)
    second = session.network(others[0])
    assert session.network(embedding_file) is first
    session.network(others[1])
    assert session.network(embedding_file) is first
    assert session.network(others[0]) is not second  # asked for longest ago


def leaves_a_temporary_file(steps):
    """Make a temporary file, as training does, and never remove it."""
    handle, name = tempfile.mkstemp()
    os.close(handle)
    for step in range(steps):
        yield Progress(step, steps, name)
        time.sleep(0.01)
    return name


@pytest.mark.parametrize("end", ["finished", "cancelled"])
def test_temporary_files_of_a_job_go_with_it(end):
    session = Session()
    job = session.start(
        "work", leaves_a_temporary_file, 3 if end == "finished" else 9999
    )
    names = []
    while not names:
        names = [Path(progress.message) for progress in job.poll()]
        time.sleep(0.01)
    assert session.folder in names[0].parents
    assert names[0].exists()
    if end == "cancelled":
        job.cancel()
    while job.running:
        list(job.poll())
        time.sleep(0.01)
    session.job_ended(job)
    assert job.state == end
    assert not names[0].exists()
    session.close()
    assert not session.folder.exists()


def test_what_a_killed_session_has_left_is_cleared_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed, owner = temporary._own_folder(tmp_path)
    (killed / "flow-1.npy").write_bytes(b"flow")
    owner.close()  # as if its process had ended
    (tmp_path / "motionseg-mine").mkdir()
    session = Session()
    assert not killed.exists()
    assert (tmp_path / "motionseg-mine").exists()
    session.close()


def a_file_name():
    """Say where a temporary file would go; for the test below."""
    yield Progress(0, 1)
    return tempfile.gettempdir(), os.environ["TMPDIR"]


def test_a_job_in_this_process_gives_the_temporary_folder_back(tmp_path, monkeypatch):
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", "/before")
    assert run(in_folder_job(tmp_path, a_file_name)) == (str(tmp_path),) * 2
    assert tempfile.tempdir == "/before"
    assert "TMPDIR" not in os.environ
