"""Pretraining: learn a pixel embedding from how loops move, without any label.

By default as in Ma et al. (2019), 4.3: flow between frames 133 ms apart, a U-Net
without its last layer, 250 points an image, batches of 3, Adam at a fixed rate of
0.001. Other objectives bring their own points; what weights an objective has of its own
are trained along, kept for a resume, and left out of the embedding that is written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import Job, Progress, run
from napari_motionseg.models import (
    ModelCard,
    UNet,
    UNetConfig,
    load_pwcnet,
    save_model,
)
from napari_motionseg.motion import FlowSettings
from napari_motionseg.objectives import OBJECTIVES
from napari_motionseg.training.curves import log_folder_of
from napari_motionseg.training.loop import TrainingRecord, TrainingSettings, train_job
from napari_motionseg.training.motion_data import MovingLoop, moving_loops_job
from napari_motionseg.training.processes import join
from napari_motionseg.training.settings import at_least
from napari_motionseg.training.state import state_path_of, weights_digest
from napari_motionseg.training.transforms import jitter, mirror, mirror_flow


@dataclass(frozen=True)
class PretrainSettings:
    """How to pretrain; the objective's defaults are its paper's.

    Parameters
    ----------
    objective
        A name of `OBJECTIVES`.
    steps
        Optimizer steps.
    batch
        Pictures a step.
    crop
        Side in pixels of the random windows that are trained on; whole frames if None.
        Where a loop is smaller, its size.
    points
        Pixels a picture that the loss looks at; the objective's own number if None.
    options
        Further settings of the objective by name.
    mirror
        Whether pictures are mirrored at random, their flow with them.
    jitter
        Strength of random changes of gray; 0 for none.
    network
        The U-Net; width 64 is the paper's.
    flow
        How flow is estimated.
    training
        Learning rate, schedule, precision, device, seed. Its `steps` are not used.

    Raises
    ------
    SettingsError
        If a value cannot be.
    """

    objective: str = "flow-consistency"
    steps: int = 1000
    batch: int = 3
    crop: int | None = 256
    points: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    mirror: bool = True
    jitter: float = 0.5
    network: UNetConfig = field(default_factory=UNetConfig)
    flow: FlowSettings = field(default_factory=FlowSettings)
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(steps=1000)
    )

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            at_least(self, name, 1)
        at_least(self, "jitter", 0.0)
        object.__setattr__(self, "options", dict(self.options))
        points = getattr(self.make_objective(), "points", 1)
        if self.crop is not None and self.crop**2 < points:
            raise SettingsError(
                f"crop must hold at least as many pixels as points ({points}); "
                f"got {self.crop} x {self.crop}"
            )

    def make_objective(self) -> Any:
        """Return the objective: embedding, flow, generator -> loss, metrics.

        Raises
        ------
        SettingsError
            If it has no such name or option.
        """
        objective = OBJECTIVES.load(self.objective)
        known = {f.name for f in dataclasses.fields(objective)}
        options = dict(self.options)
        if self.points is not None:
            options["points"] = self.points
        unknown = sorted(set(options) - known)
        if unknown:
            raise SettingsError(
                f"objective {self.objective!r} has no option {unknown[0]!r}; "
                f"it has {', '.join(sorted(known))}"
            )
        return objective(**options)


class Learner(nn.Module):
    """An embedding network, and what its objective is trained along with.

    Parameters
    ----------
    embedding
        What is kept.
    objective
        A choice of `OBJECTIVES`; if it has weights of its own, they are this module's.
    """

    def __init__(self, embedding: UNet, objective: Any) -> None:
        super().__init__()
        self.embedding = embedding
        if hasattr(objective, "learnable"):
            objective = objective.learnable(embedding.config.embedding_dim)
        self.objective = objective


class PretrainTask:
    """Batches of windows of frames with their flow, and the objective on them.

    Parameters
    ----------
    model
        The embedding network and its objective, trained in place.
    loops
        Where pictures come from; each has the same chance, whatever its length.
    settings
        See `PretrainSettings`.
    """

    def __init__(
        self, model: Learner, loops: Sequence[MovingLoop], settings: PretrainSettings
    ) -> None:
        self.model = model
        self.batch_size = settings.batch
        self._loops = loops
        self._settings = settings
        sides = [min(loop.cine.shape[axis] for loop in loops) for axis in (1, 2)]
        self._window = [min(side, settings.crop or side) for side in sides]

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the objective's loss and metrics on a random batch."""
        pictures, flow = self.batch(generator)
        embedding = self.model.embedding(pictures.to(device))
        loss, metrics = self.model.objective(embedding, flow.to(device), generator)
        return loss, metrics

    def batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return pictures ``(B, 1, h, w)`` in [0, 1] and flow ``(B, 2, h, w)``."""
        parts = [self._one(generator) for _ in range(self.batch_size)]
        pictures, flow = (torch.stack(part) for part in zip(*parts, strict=True))
        return jitter(pictures, generator, self._settings.jitter), flow

    def _one(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        def draw(bound: int) -> int:
            return int(torch.randint(bound, (1,), generator=generator))

        loop = self._loops[draw(len(self._loops))]
        t = draw(len(loop.flow))
        sides = zip(loop.cine.shape[1:], self._window, strict=True)
        starts = [(draw(side - window + 1), window) for side, window in sides]
        rows, columns = (slice(start, start + window) for start, window in starts)
        picture, flow = loop.sample(t, (rows, columns))
        if draw(2) and self._settings.mirror:
            return mirror(picture), mirror_flow(flow)
        return picture, flow

    def preview(self) -> NDArray[np.uint8]:
        """Return a random projection ``(H, W, 3)`` of the first loop's middle frame."""
        cine = self._loops[0].cine
        frame = torch.from_numpy(cine.normalized(len(cine) // 2))
        device = next(self.model.parameters()).device
        self.model.eval()
        with torch.inference_mode():
            frames = frame[None, None].to(device)
            embedding = self.model.embedding(frames)[0].float().cpu()
        return project(embedding).numpy()


def project(embedding: Tensor) -> Tensor:
    """Return directions ``(D, H, W)`` as colours ``(H, W, 3)`` uint8, always alike."""
    generator = torch.Generator().manual_seed(0)
    axes = torch.randn((3, len(embedding)), generator=generator)
    unit = torch.nn.functional.normalize(embedding, dim=0)
    colours = torch.einsum("cd,dhw->hwc", axes, unit)
    low = colours.amin(dim=(0, 1))
    span = (colours.amax(dim=(0, 1)) - low).clamp(min=torch.finfo(low.dtype).tiny)
    return ((colours - low) / span * 255).round().to(torch.uint8)


def pretrain_job(
    cines: Sequence[Cine],
    settings: PretrainSettings,
    *,
    out: str | Path,
    resume: bool = False,
) -> Job[Path]:
    """Learn a pixel embedding from the motion in loops.

    Parameters
    ----------
    cines
        Loops; they may differ in size and depth.
    settings
        See `PretrainSettings`.
    out
        The ``"embedding"`` checkpoint to write. Beside it lies
        ``<name>.state.safetensors``, from which `resume` goes on.
    resume
        Go on where the last run with these loops and settings ended.

    Yields
    ------
    Progress
        First of the flow of each loop, with a message for each that is left out; then
        after each step, with ``metrics["loss"]`` and the objective's own. `preview` is
        a random projection of a frame's embedding, ``(H, W, 3)`` uint8, every
        `training.preview_every` steps.

    Returns
    -------
    Path
        `out`. After `STOP` it holds what was learnt so far; after a cancel it is as it
        was, and the state keeps the steps that were taken.

    Raises
    ------
    SettingsError
        If there is no loop.
    TrainingError
        If no loop has motion to learn from, or see `train_job`.
    """
    if not cines:
        raise SettingsError("pretraining needs at least one loop; got none")
    out = Path(out)
    training = dataclasses.replace(settings.training, steps=settings.steps)
    loops = yield from moving_loops_job(cines, settings.flow)
    with torch.random.fork_rng(devices=[]):
        # the layers' own initialisation knows no generator
        torch.manual_seed(training.seed)
        model = Learner(UNet(settings.network), settings.make_objective())
    task = PretrainTask(model, loops, settings)
    data = describe(loops, settings)
    record = yield from train_job(
        task,
        training,
        state_path=state_path_of(out),
        resume=resume,
        log_folder=log_folder_of(Path(out)),
        identity={"pretraining": data},
    )
    card = _card(settings, data, record)
    join().once(lambda: save_model(out, model.embedding, card))
    yield Progress(record.steps_done, settings.steps, f"Wrote {out.name}")
    return out


def pretrain(
    cines: Sequence[Cine],
    settings: PretrainSettings | None = None,
    *,
    out: str | Path,
    resume: bool = False,
) -> Path:
    """Run `pretrain_job` to its end."""
    settings = settings or PretrainSettings()
    return run(pretrain_job(cines, settings, out=out, resume=resume))


def describe(loops: Sequence[MovingLoop], settings: PretrainSettings) -> dict[str, Any]:
    """Return what a training depends on, beside `TrainingSettings`; no file's name."""
    own = dataclasses.asdict(settings)
    del own["training"], own["steps"], own["flow"]["device"]
    weights = None
    if settings.flow.method == "pwcnet":
        weights = weights_digest(load_pwcnet(settings.flow.weights))
    del own["flow"]["weights"]  # a path on this machine; the digest says which
    return {
        **own,
        "loops": [loop.cine.content_hash() for loop in loops],
        "gaps": [loop.gap for loop in loops],
        "flow_weights_sha256": weights,
    }


def _card(
    settings: PretrainSettings, data: dict[str, Any], record: TrainingRecord
) -> ModelCard:
    return ModelCard(
        kind="embedding",
        architecture="UNet",
        configuration=dataclasses.asdict(settings.network),
        provenance={"pretraining": data, "training": record.provenance},
    )
