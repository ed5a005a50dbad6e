"""Learning to segment from synthetic angiograms, whose masks are exact.

What comes out is a segmentation checkpoint: it segments a loop that nobody has painted
on, and its embedding is a start for few labels.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import Job, Progress, run
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    load_model,
    resolve_device,
    save_model,
)
from napari_motionseg.models.eval_mode import answering
from napari_motionseg.models.mask_overlap import dice
from napari_motionseg.models.stripe_removal import take_out_stripes
from napari_motionseg.synthesis import Stills, SynthesisConfig, training_stills
from napari_motionseg.synthesis.camera import CameraConfig, photograph
from napari_motionseg.training.engine.checkpointing import (
    state_path_of,
    steps_done,
    weights_digest,
)
from napari_motionseg.training.engine.distributed import join
from napari_motionseg.training.engine.example_pool import Pool
from napari_motionseg.training.engine.loop import TrainingSettings, train_job
from napari_motionseg.training.engine.run_log import log_folder_of
from napari_motionseg.training.engine.seeds import derived_seed
from napari_motionseg.training.engine.settings import at_least
from napari_motionseg.training.engine.transforms import jitter, mirror, turn
from napari_motionseg.training.flow.layered_loss import shape_loss

HELD_OUT_STREAM = 2**31  # no block of training stills has this number
CROP_MULTIPLE = 16
WINDOWS = 2  # that are drawn for each picture; that with more vessel is taken


@dataclass(frozen=True)
class MaskTrainingSettings:
    """How to learn to segment from synthetic frames.

    Parameters
    ----------
    batch
        Windows a step.
    crop
        Side of what the network sees, px; a multiple of 16.
    zoom
        A window is so many times the crop in the picture, drawn evenly between the
        two, then resized: vessels of loops are wide or thin.
    still_size
        Side of the frames that are made, px.
    pool_size, block, refresh_every
        Frames that are kept, made at a time, and steps until a block is made anew; 0
        for never.
    jitter
        Strength of the changes of gray where `camera` is None.
    camera
        How each window is taken by a camera: noise, field of view, devices, storage;
        None leaves the frames as they were made and changes grays by `jitter`.
    held_out
        Frames that are never trained on and measured at the end.
    network
        Of a start from scratch.
    synthesis
        How angiograms look; None for the preset ``"xa-coronary"``.
    training
        Steps, rate, schedule, precision, device, seed.

    Raises
    ------
    SettingsError
        If a value cannot be.
    """

    batch: int = 4
    crop: int = 256
    zoom: tuple[float, float] = (0.8, 1.6)
    still_size: int = 512
    pool_size: int = 192
    block: int = 16
    refresh_every: int = 40
    jitter: float = 1.0
    camera: CameraConfig | None = None
    held_out: int = 24
    network: UNetConfig = field(
        default_factory=lambda: UNetConfig(flat_field=True, octaves=2)
    )
    synthesis: SynthesisConfig | None = None
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(
            steps=6000,
            learning_rate=2e-3,
            schedule="one-cycle",
            weight_decay=1e-4,
            clip_norm=3.0,
        )
    )

    def __post_init__(self) -> None:
        for name in ("batch", "pool_size", "block", "held_out"):
            at_least(self, name, 1)
        for name in ("refresh_every", "jitter"):
            at_least(self, name, 0)
        if self.crop < CROP_MULTIPLE or self.crop % CROP_MULTIPLE:
            raise SettingsError(
                f"crop must be a multiple of {CROP_MULTIPLE} pixels; got {self.crop}"
            )
        low, high = self.zoom
        if not 0 < low <= high:
            raise SettingsError(f"zoom must be 0 < low <= high; got {self.zoom}")
        if self.crop * high > self.still_size:
            raise SettingsError(
                f"still_size must be at least crop times the largest zoom "
                f"({self.crop} x {high:g}); got {self.still_size}"
            )


def varied_angiograms() -> SynthesisConfig:
    """Return angiograms more varied than loops are, for a network that meets them all.

    Thin, faint vessels before busy backgrounds, with more devices: what is not learnt
    here is taken for a vessel on a real loop.
    """
    return SynthesisConfig.preset(
        "xa-coronary",
        tissue=(0.5, 2.2),
        bones=(0.0, 2.0),
        silhouettes=(0.3, 3.0),
        catheter=0.9,
        leads=0.3,
        wires=0.3,
        electrodes=0.3,
        stents=0.3,
        opacity=(0.15, 0.9),
        vessel_size=(0.6, 1.6),
        noise=(0.2, 1.6),
        blur=(0.6, 1.6),
    )


class MaskTask:
    """Batches of windows of synthetic frames, and cross entropy plus Dice on them.

    Parameters
    ----------
    model
        Trained in place.
    pool
        Where frames come from.
    held_out
        Frames to look at and to measure on.
    settings
        See `MaskTrainingSettings`.
    """

    def __init__(
        self,
        model: SegmentationNet,
        pool: Pool[Stills],
        held_out: Stills,
        settings: MaskTrainingSettings,
    ) -> None:
        self.model = model
        self.batch_size = settings.batch
        self._pool = pool
        self._held_out = held_out
        self._settings = settings

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss; ``"dice"`` is that of the batch at one half."""
        pictures, masks = (part.to(device) for part in self.batch(step, generator))
        # the octaves' mean errs less on real loops if it was not learnt: embedding.md
        logits = self.model.head(self.model.embedding.at_one_size(pictures))[:, 0]
        with torch.no_grad():
            score = dice(logits > 0, masks > 0.5)
        return shape_loss(logits, masks), {"dice": score}

    def batch(self, step: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return pictures ``(B, 1, h, w)`` and masks ``(B, h, w)`` in [0, 1]."""
        shape = (self.batch_size,)
        chosen = torch.randint(len(self._pool), shape, generator=generator).tolist()
        parts = [self._one(step, index, generator) for index in chosen]
        pictures, masks = (torch.stack(part) for part in zip(*parts, strict=True))
        if self._settings.camera is not None:
            how = self._settings.camera
            taken, masks = photograph(pictures[:, 0], masks, how, generator)
            return taken[:, None], masks
        return jitter(pictures, generator, self._settings.jitter), masks

    def _one(
        self, step: int, index: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        stills, place = self._pool.at(step, index)
        both = torch.stack(
            (stills.pictures[place].float(), stills.masks[place].float())
        )
        low, high = self._settings.zoom
        zoom = low + (high - low) * float(torch.rand((), generator=generator))
        side = round(self._settings.crop * zoom)
        windows = [self._window(both, side, generator) for _ in range(WINDOWS)]
        window = max(windows, key=lambda window: float(window[1].sum()))
        quarters, mirrored = torch.randint(4, (2,), generator=generator).tolist()
        window = turn(mirror(window) if mirrored % 2 else window, quarters)
        crop = self._settings.crop
        resized = functional.interpolate(
            window[None], (crop, crop), mode="bilinear", antialias=True
        )[0]
        return resized[:1], resized[1]

    @staticmethod
    def _window(both: Tensor, side: int, generator: torch.Generator) -> Tensor:
        room = both.shape[-1] - side + 1
        row, column = torch.randint(room, (2,), generator=generator).tolist()
        return both[:, row : row + side, column : column + side]

    def preview(self) -> NDArray[np.uint8]:
        """Return a held-out frame beside its probability ``(H, 2W)``, uint8."""
        frame = self._held_out.pictures[:1]
        both = torch.cat((frame[0].float(), probabilities(self.model, frame)[0]), dim=1)
        picture: NDArray[np.uint8] = (both * 255).round().to(torch.uint8).numpy()
        return picture


def train_masks_job(
    settings: MaskTrainingSettings,
    *,
    out: str | Path,
    resume: bool = False,
    start: str | Path | None = None,
) -> Job[Path]:
    """Train a segmentation network on synthetic frames alone.

    Parameters
    ----------
    settings
        See `MaskTrainingSettings`.
    out
        The ``"segmentation"`` checkpoint to write, in float16. Beside it lies
        ``<name>.state.safetensors``, from which `resume` goes on.
    resume
        Go on where the last run with these settings ended.
    start
        A ``"segmentation"`` checkpoint of two classes to start from; None for scratch.

    Yields
    ------
    Progress
        First while frames are made, then after each step with ``metrics["loss"]`` and
        ``metrics["dice"]``; `preview` is a frame beside what is found on it, uint8.

    Returns
    -------
    Path
        `out`. After `STOP` it holds what was learnt so far.

    Raises
    ------
    CheckpointError
        If `start` holds no segmentation network.
    TrainingError
        See `train_job`.
    """
    processes = join()
    state_path, seed = state_path_of(Path(out)), settings.training.seed
    model, origin = _starting_network(start, settings)
    pool = still_pool(settings)
    done = processes.once(lambda: steps_done(state_path)) if resume else 0
    yield from pool.fill_job(done, "Making frames whose vessels are known")
    held_out = _make_stills(
        settings, settings.held_out, derived_seed(seed, HELD_OUT_STREAM)
    )
    whole = dataclasses.asdict(settings)
    identity = {k: v for k, v in whole.items() if k not in ("training", "held_out")}
    record = yield from train_job(
        MaskTask(model, pool, held_out, settings),
        settings.training,
        state_path=state_path,
        resume=resume,
        log_folder=log_folder_of(Path(out)),
        identity={"masks": identity, "start": origin},
    )
    striped = take_out_stripes(model, held_out.pictures[:, None])
    found = probabilities(model, held_out.pictures) > 0.5
    scores = {"held_out_dice": dice(found, held_out.masks)}
    provenance = {
        "settings": whole,
        "start": origin,
        "training": record.provenance,
        "directions_of_stripes_taken_out": striped,
        **scores,
    }
    configuration = {**dataclasses.asdict(model.embedding.config), "classes": 2}
    card = ModelCard("segmentation", "SegmentationNet", configuration, provenance)
    processes.once(lambda: save_model(out, model, card, dtype=torch.float16))
    yield Progress(record.steps_done, settings.training.steps, "Done", scores)
    return Path(out)


def train_masks(
    settings: MaskTrainingSettings | None = None,
    *,
    out: str | Path,
    resume: bool = False,
    start: str | Path | None = None,
) -> Path:
    """Run `train_masks_job` to its end."""
    settings = settings or MaskTrainingSettings()
    return run(train_masks_job(settings, out=out, resume=resume, start=start))


def still_pool(settings: MaskTrainingSettings) -> Pool[Stills]:
    """Return the empty pool that a training of these settings draws from."""

    def make(count: int, seed: int) -> Stills:
        return _make_stills(settings, count, seed)

    return Pool(
        make,
        blocks=-(-settings.pool_size // settings.block),
        block=settings.block,
        refresh_every=settings.refresh_every,
        seed=settings.training.seed,
    )


def _make_stills(settings: MaskTrainingSettings, count: int, seed: int) -> Stills:
    made = training_stills(
        count,
        settings.still_size,
        seed,
        settings.synthesis,
        resolve_device(settings.training.device),
    )
    return Stills(made.pictures.half(), made.masks)


def _starting_network(
    start: str | Path | None, settings: MaskTrainingSettings
) -> tuple[SegmentationNet, dict[str, Any]]:
    if start is not None:
        model, card = load_model(start, kind="segmentation")
        if isinstance(model, SegmentationNet) and model.classes == 2:
            origin = {"kind": card.kind, "weights_sha256": weights_digest(model)}
            return model, origin
        raise SettingsError(f"{start}: must segment two classes, vessel and not")
    with torch.random.fork_rng(devices=[]):
        # the layers' own initialisation knows no generator
        torch.manual_seed(settings.training.seed)
        return SegmentationNet(settings.network), {"kind": "scratch"}


def probabilities(model: SegmentationNet, pictures: Tensor) -> Tensor:
    """Return where vessels are, ``(N, H, W)`` in [0, 1] on the CPU, frame by frame."""
    device = next(model.parameters()).device
    with answering(model), torch.inference_mode():
        found = [
            model.probabilities(picture[None, None].float().to(device))[0, 1]
            for picture in pictures
        ]
    return torch.stack(found).float().cpu()
