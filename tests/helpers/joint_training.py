"""Trainings that one process or two can do; torchrun runs this file as a script."""

import dataclasses
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.painted_loops import background, band
from helpers.toy_training import Toy, settings

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionSegError
from napari_motionseg.jobs import STOP, Progress, run
from napari_motionseg.models import PWCNet, UNetConfig
from napari_motionseg.motion import FlowSequence, FlowSettings
from napari_motionseg.motion.cutout import LoopLayers
from napari_motionseg.synthesis import PairBatch, Stills
from napari_motionseg.training.engine.distributed import join
from napari_motionseg.training.engine.loop import TrainingSettings, train_job
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.flow import job as flow_training
from napari_motionseg.training.flow.adaptation import AdaptationTask
from napari_motionseg.training.flow.composed_pairs import (
    AdaptationSettings,
    ComposedPairs,
)
from napari_motionseg.training.flow.settings import FlowTrainingSettings
from napari_motionseg.training.masks import job as mask_training
from napari_motionseg.training.masks.settings import MaskTrainingSettings
from napari_motionseg.training.pretrain import motion_data
from napari_motionseg.training.pretrain.job import PretrainSettings, pretrain_job

STEPS = 4
SMALL = UNetConfig(width=2, depth=2, embedding_dim=8)


class Uneven(Toy):
    """`Toy` with a weight that few pictures use and a metric that few have."""

    def __init__(self, *args, **others):
        super().__init__(*args, **others)
        self.model.register_parameter("rare", torch.nn.Parameter(torch.ones(1)))
        self.model.register_parameter("never", torch.nn.Parameter(torch.ones(1)))

    def loss(self, step, generator, device):
        loss, metrics = super().loss(step, generator, device)
        drawn = float(torch.rand((), generator=generator))
        if drawn < 0.5:
            return loss + drawn * self.model.rare.sum() ** 2, {"rare": drawn}
        return loss, metrics


def toy(folder, **others):
    """Train with batch norm, on 5 pictures in 2 micro-batches of 3 and 2."""
    how = settings(6, micro_batches=2, clip_norm=0.1, weight_decay=0.01, **others)
    task = Uneven(5)
    record = run(train_job(task, how, state_path=folder / "toy.state.safetensors"))
    return record.losses


def moving(cine, flow_settings, cache=None):
    """Say how a loop of noise moves; the second loop does not."""
    yield Progress(1, 1)
    _, height, width = cine.shape
    flow = np.zeros((len(cine) - 1, 2, height, width), np.float32)
    if cine.name != "still":
        flow[:, 0] = np.arange(width) % 7
    return FlowSequence(flow, None, 1, "truth")


def loops():
    rng = np.random.default_rng(0)
    names, sides = ("a", "still", "b"), ((40, 36), (40, 40), (36, 44))
    return [
        Cine.from_array(rng.integers(0, 256, (4, *side), dtype=np.uint8), name=name)
        for name, side in zip(names, sides, strict=True)
    ]


def pretraining(folder, objective="cross-pixel", **others):
    """Learn from motion, with the learned width of a kernel."""
    how = PretrainSettings(
        objective=objective, steps=STEPS, batch=3, crop=32, points=20, network=SMALL,
        flow=FlowSettings(method="ilk"),
        training=TrainingSettings(
            steps=1, device="cpu", precision="float32", micro_batches=2,
            learning_rate=0.01, **others,
        ),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(motion_data, "estimate_flow_job", moving)
        told = []
        out = folder / "pretraining.safetensors"
        run(pretrain_job(loops(), how, out=out, anyway=True), told.append)
    return [p.metrics["loss"] for p in told if "loss" in p.metrics]


def masks(folder):
    """Learn to segment bars."""

    def bars(count, size, seed, config=None, device="cpu"):
        where = torch.arange(size) // 9 % 5 == torch.randint(
            5, (count, size, 1), generator=step_generator(seed)
        )
        return Stills(0.7 - 0.4 * where.float(), where, torch.zeros_like(where))

    how = MaskTrainingSettings(
        batch=2, crop=32, still_size=64, pool_size=4, block=2, held_out=2,
        refresh_every=2, network=SMALL, camera=None, zoom=(0.8, 1.6),
        training=_short(),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mask_training, "training_stills", bars)
        out, told = folder / "masks.safetensors", []
        run(mask_training.train_masks_job(how, out=out), told.append)
    return [p.metrics["loss"] for p in told if "loss" in p.metrics]


def flow(folder):
    """Learn the flow of noise that moves by a pixel."""

    def pairs(count, size, seed, config=None, device="cpu"):
        noise = torch.rand((count, size, size + 1), generator=step_generator(seed))
        truth = torch.zeros((count, 2, size, size))
        truth[:, 0] = 1
        return PairBatch(noise[..., 1:], noise[..., :-1], truth, noise[..., 1:] > 0.8)

    how = FlowTrainingSettings(
        batch=2, crop=64, pair_size=66, pool_size=2, block=2, held_out=1, shift=2,
        synthesis=None, training=_short(2),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow_training, "training_pairs", pairs)
        out, told = folder / "flow.safetensors", []
        run(flow_training.train_flow_job(how, out=out), told.append)
    return [p.metrics["loss"] for p in told if "loss" in p.metrics]


def adaptation(folder):
    """Adapt a flow network to composed pairs."""
    absorption = torch.from_numpy(0.4 * band()).float()[None]
    layers = LoopLayers(
        torch.from_numpy(background()).float()[None], absorption, absorption > 0, 0.003
    )
    how = AdaptationSettings(batch=2, crop=64, largest_crop=64, training=_short(2))
    small = how.for_side(128)
    pool = ComposedPairs([layers], small.pair_size, how)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        task = AdaptationTask(PWCNet(1), pool, pool.held_out(1), small)
    state = folder / "adaptation.state.safetensors"
    return run(train_job(task, how.training, state_path=state)).losses


def _short(steps=STEPS):
    return TrainingSettings(
        steps=steps,
        learning_rate=1e-3,
        device="cpu",
        precision="float32",
        micro_batches=2,
    )


def stopped_by_one(folder):
    """Let the second process alone ask for a stop after the third step."""
    job = train_job(
        Toy(),
        settings(50, micro_batches=2),
        state_path=folder / "stop.state.safetensors",
    )
    signal, told = None, 0
    while True:
        try:
            job.send(signal)
        except StopIteration as end:
            return [end.value.steps_done, end.value.stopped]
        told += 1
        signal = STOP if told == 3 and join().rank == join().count - 1 else None


def _trouble_of_last(kind):
    def spoil(task, loss):
        if join().rank < join().count - 1:
            return loss
        if kind == "nan":
            return loss * float("nan")
        if kind == "memory" and task.batch_size > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")
        if kind == "bug":
            raise KeyError("no such frame")
        return loss

    return spoil


def nan_in_one(folder):
    """Let the last process's loss of the third step be none."""
    task = Toy(trouble={2: _trouble_of_last("nan")})
    state = folder / "nan.state.safetensors"
    return _refusal(train_job(task, settings(9, micro_batches=2), state_path=state))


def memory_of_one(folder):
    """Let the last process run out of memory in the third step."""
    task = Toy(trouble={2: _trouble_of_last("memory")})
    record = run(train_job(task, settings(4, micro_batches=2)))
    return [record.provenance["batch_size"], record.steps_done]


def bug_in_one(folder):
    """Let the last process fail in the third step by a bug."""
    task = Toy(trouble={2: _trouble_of_last("bug")})
    try:
        return _refusal(train_job(task, settings(9, micro_batches=2)))
    except KeyError as error:
        return repr(error)


def other_seeds(folder):
    """Ask each process for another seed."""
    return _refusal(train_job(Toy(), settings(2, seed=join().rank)))


def odd_micro_batches(folder):
    """Ask for micro-batches that the processes cannot share."""
    return _refusal(train_job(Toy(), settings(2, micro_batches=3)))


def full_disk(folder):
    """Let the state be unwritable: its folder is a file."""
    (folder / "file").touch()
    how = settings(4, checkpoint_every=2)
    return _refusal(train_job(Toy(), how, state_path=folder / "file" / "s.safetensors"))


def _refusal(job):
    try:
        run(job)
    except MotionSegError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing was refused"


SAME = (toy, pretraining, masks, flow, adaptation)
TOGETHER = (
    stopped_by_one, nan_in_one, memory_of_one, bug_in_one, other_seeds,
    odd_micro_batches, full_disk,
)  # fmt: skip


def main(folder):
    """Do them all, and leave what each process saw as JSON."""
    processes = join()
    found = {}
    for job in (*SAME, *TOGETHER):
        found[job.__name__] = job(folder)
    told = {"processes": dataclasses.asdict(processes), **found}
    (folder / f"process-{processes.rank}.json").write_text(json.dumps(told))
    processes.all_gather("done")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    # All is written. Once in a few runs on a busy machine a thread of gloo's has the
    # interpreter abort while it ends, which is not what is tested here
    sys.stdout.flush()
    os._exit(0)
