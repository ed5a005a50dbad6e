"""Frames decoded ahead change no number, whatever becomes of those who decode."""

import contextlib
import os
import shutil
import signal
import sys

import numpy as np
import pytest
import torch
from helpers.toy_training import Toy
from helpers.toy_training import settings as toy_settings

from napari_motionseg.cine import SHARED_FRAME_CACHE, Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.frame_prefetch import FramesAhead
from napari_motionseg.jobs import run
from napari_motionseg.models import UNet, UNetConfig
from napari_motionseg.motion import FlowSettings
from napari_motionseg.training.engine.loop import TrainingSettings, train_job
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.pretrain.job import (
    Learner,
    PretrainSettings,
    PretrainTask,
    describe,
    pretrain_job,
)
from napari_motionseg.training.pretrain.motion_data import FlowFile, MovingLoop
from napari_motionseg.training.pretrain.prefetch import FrameCrop, FramePrefetcher

PATIENCE_S = 60
pytestmark = pytest.mark.usefixtures("no_signal_check")
STEPS = 6
SEVERAL = {"flow-consistency": 1.0, "temporal-consistency": 0.5}


@pytest.fixture(autouse=True)
def _nothing_is_kept(monkeypatch):
    """Have every frame decoded again, as if there were thousands of loops."""
    monkeypatch.setattr(SHARED_FRAME_CACHE, "capacity", 1)


@pytest.fixture
def loops(tmp_path):
    """Two loops in files, with flow that says where a pixel lies."""
    found = []
    for seed, (height, width) in enumerate([(40, 36), (33, 47)]):
        pixels = np.random.default_rng(seed).integers(0, 256, (5, height, width))
        path = tmp_path / f"{seed}.dcm"
        write_xa(path, Cine.from_array(pixels.astype(np.uint8)))
        flow = np.zeros((4, 2, height, width), np.float16)
        flow[:, 0] = np.arange(width)
        found.append(MovingLoop(read_cine(path), FlowFile(flow), 1))
    return found


def settings(**others):
    training = {"device": "cpu", "precision": "float32"} | others.pop("training", {})
    return PretrainSettings(
        steps=STEPS,
        network=UNetConfig(width=4, depth=2, embedding_dim=8),
        flow=FlowSettings(method="ilk"),
        training=TrainingSettings(steps=STEPS, **training),
        **({"batch": 3, "crop": 24, "points": 20} | others),
    )


def task_of(loops, how, prefetcher=None):
    torch.manual_seed(0)
    model = Learner(UNet(how.network), how.make_objective())
    return PretrainTask(model, loops, how, prefetcher)


def losses_of(loops, how, workers=0, disturb=None, **others):
    """Train; `disturb` is called with prefetcher and step after each one."""
    with contextlib.closing(FramePrefetcher(loops, workers)) as prefetcher:
        task = task_of(loops, how, prefetcher)
        job = train_job(task, how.training, **others)

        def watch(progress):
            if disturb is not None:
                disturb(prefetcher, progress.step)

        return run(job, watch).losses


def wait(prefetcher, *_):
    """Give the workers time to answer, so that what they say is used."""
    for _, answer in prefetcher._asked.values():
        with contextlib.suppress(Exception):
            answer.exception(PATIENCE_S)


@pytest.mark.parametrize(
    ("objective", "parts"), [("flow-consistency", 1), (SEVERAL, 2)]
)
def test_the_losses_are_those_without_workers(loops, objective, parts):
    how = settings(objective=objective, training={"micro_batches": parts})
    alone = losses_of(loops, how)
    assert len(alone) == STEPS
    assert losses_of(loops, how, 2, disturb=wait) == alone
    assert losses_of(loops, how, 2) == alone  # whoever is quicker


def test_a_task_is_told_what_its_parts_will_draw_from():
    class Far(Toy):
        prefetched, drawn = [], []  # noqa: RUF012

        def prefetch(self, step, generator, size):
            self.prefetched.append((step, size, generator.initial_seed()))

        def loss(self, step, generator, device):
            self.drawn.append((step, self.batch_size, generator.initial_seed()))
            return super().loss(step, generator, device)

    task = Far(batch_size=5)
    run(train_job(task, toy_settings(4, micro_batches=2)))
    assert [step for step, *_ in task.prefetched] == [1, 1, 2, 2, 3, 3]
    assert task.prefetched == task.drawn[2:]


def test_what_was_prefetched_is_not_decoded_here(loops):
    how = settings(objective=SEVERAL)

    def both(task):
        pictures, _ = task.batch(step_generator(0, 7))
        return pictures, task._later(step_generator(0, 8))

    expected = both(task_of(loops, how))
    with contextlib.closing(FramePrefetcher(loops, 1)) as prefetcher:
        task = task_of(loops, how, prefetcher)
        task.prefetch(7, step_generator(0, 7), 3)
        wait(prefetcher)
        for loop in loops:
            loop.cine.frames._decode = None  # what is at hand is still given
        for one, other in zip(expected, both(task), strict=True):
            assert torch.equal(one, other)


def test_a_resumed_run_may_have_another_number_of_workers(loops, tmp_path):
    how = settings(training={"checkpoint_every": 2})
    whole = losses_of(loops, how)
    state = tmp_path / "state.safetensors"
    with contextlib.closing(FramePrefetcher(loops, 2)) as prefetcher:
        job = train_job(task_of(loops, how, prefetcher), how.training, state_path=state)
        for _ in range(3):
            next(job)
            wait(prefetcher)
        job.close()
    assert losses_of(loops, how, 1, wait, state_path=state, resume=True) == whole
    named = [describe(loops, settings(workers=count)) for count in (None, 0, 2)]
    assert named[0] == named[1] == named[2]


def test_a_halved_batch_is_prefetched_too(loops):
    def exhausted(self, *arguments):
        if self.batch_size > 2:
            raise MemoryError
        return PretrainTask.loss(self, *arguments)

    class Small(PretrainTask):
        loss = exhausted

    how, found = settings(batch=4), []
    for workers in (0, 2):
        with contextlib.closing(FramePrefetcher(loops, workers)) as prefetcher:
            plain = task_of(loops, how)
            task = Small(plain.model, loops, how, prefetcher)
            job = train_job(task, how.training)
            record = run(job, lambda _, seen=prefetcher: wait(seen))
        found.append(record.losses)
        assert record.provenance["batch_size"] == 2
    assert found[0] == found[1]


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("victims", [1, 2])
def test_workers_that_are_killed(loops, victims):
    def kill(prefetcher, step):
        if step == 2:
            wait(prefetcher)
            for pid in prefetcher.frames.pids[:victims]:
                os.kill(pid, signal.SIGKILL)

    alone = losses_of(loops, settings())
    assert losses_of(loops, settings(), 2, kill) == alone


@pytest.mark.parametrize("change", ["deleted", "replaced", "broken"])
def test_a_file_that_the_workers_do_not_find_as_it_was(loops, tmp_path, change):
    """The training's own frames lie in memory; the workers see the file alone."""
    held = []
    for loop in loops:
        cine = read_cine(loop.cine.source)
        _ = loop.hashes
        held.append((cine.frames[:], loop))

    def disturb(prefetcher, step):
        wait(prefetcher)
        if step == 2:
            for number, loop in enumerate(loops):
                _spoil(loop.cine.source, tmp_path / f"{1 - number}.dcm", change)

    alone = losses_of(loops, settings())
    for pixels, loop in held:
        # decoded here from what is kept, which costs as much as ever
        loop.cine.frames._decode = pixels.__getitem__
    assert losses_of(loops, settings(), 2, disturb) == alone


def _spoil(path, other, change):
    if change == "deleted":
        path.unlink()
    elif change == "replaced" and other.exists():
        shutil.copy(other, path)
    else:
        path.write_bytes(path.read_bytes()[:900])


def test_frames_that_are_at_hand_are_asked_of_nobody(loops, monkeypatch):
    monkeypatch.setattr(SHARED_FRAME_CACHE, "capacity", 2**20)
    arrays = [
        MovingLoop(Cine.from_array(loop.cine.frames[:]), loop.flow, 1) for loop in loops
    ]
    for given in (loops, arrays):  # all of them were decoded by now
        with contextlib.closing(FramePrefetcher(given, 2)) as prefetcher:
            task = task_of(given, settings(), prefetcher)
            task.prefetch(1, step_generator(0, 1), 20)
            assert prefetcher.frames.pids == []


def test_at_most_two_steps_are_held(loops):
    with contextlib.closing(FramePrefetcher(loops, 1)) as prefetcher:
        for step in range(1, 9):
            rows = (step, step + 9)
            prefetcher.prefetch(step, [FrameCrop(0, t, rows, (0, 9)) for t in range(4)])
        assert len(prefetcher._asked) == 8


@pytest.fixture
def known_flow(loops, monkeypatch):
    """Have a whole job take the loops as they are; return what workers it had."""

    def given(cines, settings, cache=None):
        yield from ()
        return loops

    made = []

    class Noted(FramesAhead):
        def __init__(self, workers):
            super().__init__(workers)
            made.append(self)

    # `training.pretrain` is a function too: modules are reached by their full names
    pretraining = sys.modules[pretrain_job.__module__]
    prefetching = sys.modules[FramePrefetcher.__module__]
    monkeypatch.setattr(pretraining, "moving_loops_job", given)
    monkeypatch.setattr(prefetching, "FramesAhead", Noted)
    return made


@pytest.mark.parametrize("end", ["done", "cancelled", "failed"])
def test_no_worker_stays_behind(loops, known_flow, tmp_path, monkeypatch, end):
    cines = [loop.cine for loop in loops]
    job = pretrain_job(cines, settings(workers=2), out=tmp_path / "e.safetensors")
    next(job)
    (frames,) = known_flow
    threads, pids = list(frames._threads), frames.pids
    assert len(pids) == 2
    if end == "done":
        run(job)
    elif end == "cancelled":
        job.close()
    else:
        monkeypatch.setattr(PretrainTask, "loss", None)
        with pytest.raises(TypeError):
            run(job)
    assert frames.pids == []
    assert not any(thread.is_alive() for thread in threads)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_on_a_cpu_nobody_decodes_ahead(loops, known_flow, tmp_path):
    cines = [loop.cine for loop in loops]
    run(pretrain_job(cines, settings(), out=tmp_path / "e.safetensors"))
    assert known_flow == []
    how = settings()
    assert (how.workers_on("cpu"), how.workers_on("mps"), how.workers_on("cuda")) == (
        0, 0, 2,
    )  # fmt: skip
    assert settings(workers=3).workers_on("cpu") == 3
    assert settings(workers=0).workers_on("cuda") == 0
    with pytest.raises(SettingsError, match="workers must be at least 0; got -1"):
        settings(workers=-1)
