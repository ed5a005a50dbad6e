"""Training PWC-Net on synthetic angiograms, whose flow is known exactly.

Multi-scale loss after Sun et al. (2018); the data in the manner of Ma et al. (2019),
4.5, where vessels and background move apart from each other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_motionseg.errors import CheckpointError
from napari_motionseg.jobs import Job, Progress, run
from napari_motionseg.models import (
    FlowNet,
    LayeredPWCNet,
    ModelCard,
    PWCNet,
    load_model,
    resolve_device,
    save_model,
)
from napari_motionseg.models.eval_mode import answering
from napari_motionseg.models.pwcnet import resized
from napari_motionseg.motion.colors import flow_to_rgb
from napari_motionseg.synthesis import training_pairs
from napari_motionseg.training.engine.checkpointing import (
    state_path_of,
    steps_done,
    weights_digest,
)
from napari_motionseg.training.engine.distributed import join
from napari_motionseg.training.engine.loop import train_job
from napari_motionseg.training.engine.run_log import log_folder_of
from napari_motionseg.training.engine.seeds import derived_seed, step_generator
from napari_motionseg.training.engine.transforms import (
    jitter,
    mirror,
    mirror_flow,
    turn,
    turn_flow,
)
from napari_motionseg.training.flow.flow_initialization import set_starting_weights
from napari_motionseg.training.flow.flow_loss import multiscale_flow_loss
from napari_motionseg.training.flow.layered_loss import layered_flow_loss
from napari_motionseg.training.flow.matching_loss import matching_loss
from napari_motionseg.training.flow.pairs import PairPool, Pairs
from napari_motionseg.training.flow.settings import FlowTrainingSettings, Network

NEAR_PX = 12  # how far from a vessel a flow that ignores its edge does harm
HELD_OUT_STREAM = 2**31  # no block of training pairs has this number
STARTING_STREAM = 2**31  # no step has this number
MATCHING_VESSELS = 20.0  # makes vessels about half of what features are taught by
# The two pictures of a pair also differ a little: exposure control, quantum noise
SECOND_JITTER = 0.2


NETWORKS: Mapping[Network, type[FlowNet]] = MappingProxyType(
    {"layered": LayeredPWCNet, "published": PWCNet}
)
PYRAMID = ("features",)


class FlowTask:
    """Batches of moved, turned and cropped pairs, and the multi-scale loss on them.

    Parameters
    ----------
    model
        Trained in place.
    pool
        Where pairs come from.
    held_out
        Pairs to look at and to measure on.
    settings
        See `FlowTrainingSettings`.
    """

    def __init__(
        self,
        model: FlowNet,
        pool: PairPool,
        held_out: Pairs,
        settings: FlowTrainingSettings,
    ) -> None:
        self.model = model
        self.batch_size = settings.batch
        self._pool = pool
        self._held_out = held_out
        self._settings = settings

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the multi-scale loss; metrics are end-point errors in px."""
        pictures, flow, vessel = self.batch(step, generator)
        pictures, flow = pictures.to(device), flow.to(device)
        vessel = vessel.to(device)
        first, second = pictures[:, :1], pictures[:, 1:]
        ours, theirs = self.model.pyramid(first), self.model.pyramid(second)
        if isinstance(self.model, LayeredPWCNet):
            seen = self.model.see(ours, theirs)
            loss = layered_flow_loss(seen, flow, vessel, self._weights(vessel))
            finest = seen.flow()
        else:
            loss, finest = self._plain_loss(ours, theirs, flow, vessel)
        if self._settings.matching_weight and self.model.normalized:
            matching = matching_loss(ours, theirs, flow, 1 + MATCHING_VESSELS * vessel)
            loss = loss + self._settings.matching_weight * matching
        with torch.no_grad():
            full = resized(finest.float(), (flow.shape[-2], flow.shape[-1]))
            error = torch.linalg.vector_norm(full - flow, dim=1)
            metrics = {"epe": float(error.mean())}
            if bool(vessel.any()):
                metrics["epe_vessel"] = float(error[vessel].mean())
        return loss, metrics

    def _plain_loss(
        self, ours: list[Tensor], theirs: list[Tensor], flow: Tensor, vessel: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the multi-scale loss of a network with one flow, and that flow."""
        network = cast("PWCNet", self.model)
        flows = network.decode_levels(ours, theirs)
        loss = multiscale_flow_loss(
            flows,
            flow,
            penalty=self._settings.penalty,
            pixel_weights=self._weights(vessel),
        )
        return loss, max(flows, key=lambda level: level.shape[-1])

    def _weights(self, vessel: Tensor) -> Tensor:
        """Return how much each pixel counts ``(B, H, W)``."""
        settings, thin = self._settings, vessel.float()
        near = functional.max_pool2d(thin[:, None], 2 * NEAR_PX + 1, 1, NEAR_PX)[:, 0]
        around = settings.near_weight * near * (1 - thin)
        return 1 + around + settings.vessel_weight * thin

    def batch(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures and flow ``(B, 2, H, W)`` and vessel ``(B, H, W)``."""
        crop, count = self._window(generator)
        chosen = torch.randint(len(self._pool), (count,), generator=generator).tolist()
        parts = [self._one(step, index, crop, generator) for index in chosen]
        pictures, flow, vessel = (
            torch.stack(part) for part in zip(*parts, strict=True)
        )
        strength = self._settings.jitter
        pictures = jitter(pictures, generator, strength)
        apart = pictures.flatten(0, 1)[:, None]
        apart = jitter(apart, generator, strength * SECOND_JITTER)
        return apart.view_as(pictures), flow, vessel

    def _window(self, generator: torch.Generator) -> tuple[int, int]:
        """Draw a side of windows; return it and how many pairs go into the batch."""
        crops = self._settings.crops
        if len(crops) == 1:
            return crops[0], self.batch_size
        crop = crops[int(torch.randint(len(crops), (), generator=generator))]
        return crop, max(1, round(self.batch_size * (crops[0] / crop) ** 2))

    def _one(
        self, step: int, index: int, crop: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        pictures, flow, vessel = self._pool.pair(step, index)
        down, right = self._shift(generator)
        side = pictures.shape[-1]
        # windows without a vessel teach little: of two, that with more of it
        drawn = [_windows(side, crop, (down, right), generator) for _ in range(2)]
        first, second = max(drawn, key=lambda pair: int(vessel[pair[0]].sum()))
        pictures = torch.stack(
            (pictures[0][first].float(), pictures[1][second].float())
        )
        vessel = vessel[first]
        flow = flow[(slice(None), *first)].float()
        flow = flow - flow.new_tensor([right, down])[:, None, None]
        quarters, mirrored = torch.randint(4, (2,), generator=generator).tolist()
        if mirrored % 2:
            pictures, vessel = mirror(pictures), mirror(vessel)
            flow = mirror_flow(flow)
        return (
            turn(pictures, quarters),
            turn_flow(flow, quarters),
            turn(vessel, quarters),
        )

    def _shift(self, generator: torch.Generator) -> tuple[int, int]:
        most = self._settings.shift
        down, right, chosen = torch.randint(
            3 * (2 * most + 1), (3,), generator=generator
        ).tolist()
        if chosen % 3:
            return 0, 0
        return down % (2 * most + 1) - most, right % (2 * most + 1) - most

    def preview(self) -> NDArray[np.uint8]:
        """Return found and true flow of a held-out pair as colours ``(H, 2W, 3)``."""
        truth = self._held_out.flow[0].float().numpy()
        found = predict(self.model, self._held_out.pictures[:1])[0].numpy()
        largest = float(np.linalg.norm(truth, axis=0).max()) or None
        both = np.concatenate((found, truth), axis=-1)
        colours: NDArray[np.uint8] = flow_to_rgb(both, largest)
        return colours


def _windows(
    side: int, crop: int, shift: tuple[int, int], generator: torch.Generator
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Draw a window of each picture of a pair, the second's moved by `shift`."""
    first, second = [], []
    for moved in shift:
        room = side - crop - abs(moved) + 1
        at = int(torch.randint(room, (), generator=generator)) + max(0, -moved)
        first.append(slice(at, at + crop))
        second.append(slice(at + moved, at + moved + crop))
    return (first[0], first[1]), (second[0], second[1])


def train_flow_job(
    settings: FlowTrainingSettings,
    *,
    out: str | Path,
    resume: bool = False,
    start: str | Path | None = None,
) -> Job[Path]:
    """Train PWC-Net on synthetic pairs.

    Parameters
    ----------
    settings
        See `FlowTrainingSettings`.
    out
        The ``"flow"`` checkpoint to write, in float16. Beside it lies
        ``<name>.state.safetensors``, from which `resume` goes on.
    resume
        Go on where the last run with these settings ended.
    start
        A ``"flow"`` checkpoint to start from; from scratch if None.

    Yields
    ------
    Progress
        First while pairs are made, then after each step with ``metrics["loss"]`` and
        ``metrics["epe"]`` (px); `preview` is found and true flow side by side, uint8.

    Returns
    -------
    Path
        `out`. After `STOP` it holds what was learnt so far.

    Raises
    ------
    CheckpointError
        If `start` holds no PWC-Net.
    TrainingError
        See `train_job`.
    """
    processes = join()
    state_path = state_path_of(Path(out))
    seed = settings.training.seed
    pool = pair_pool(settings)
    model, origin = starting_network(start, settings)
    done = processes.once(lambda: steps_done(state_path)) if resume else 0
    yield from pool.fill_job(done, "Making picture pairs with known flow")
    held_seed = derived_seed(seed, HELD_OUT_STREAM)
    held_out = _make_pairs(settings, settings.held_out, held_seed)
    task = FlowTask(model, pool, held_out, settings)
    if origin["fresh"]:
        generator = step_generator(seed, STARTING_STREAM)
        kept = PYRAMID if start is not None else ()
        set_starting_weights(model, task.batch(0, generator)[0], generator, kept)
    whole = dataclasses.asdict(settings)
    identity = {k: v for k, v in whole.items() if k not in ("training", "held_out")}
    record = yield from train_job(
        task,
        settings.training,
        state_path=state_path,
        resume=resume,
        log_folder=log_folder_of(Path(out)),
        identity={"flow": identity, "start": origin},
    )
    errors = end_point_errors(model, held_out)
    provenance = {
        "settings": whole,
        "start": origin,
        "training": record.provenance,
        "held_out_epe_px": errors,
    }
    configuration = {"in_channels": model.in_channels, "normalized": model.normalized}
    card = ModelCard("flow", type(model).__name__, configuration, provenance)
    processes.once(lambda: save_model(out, model, card, dtype=torch.float16))
    yield Progress(record.steps_done, settings.training.steps, "Done", errors)
    return Path(out)


def train_flow(
    settings: FlowTrainingSettings,
    *,
    out: str | Path,
    resume: bool = False,
    start: str | Path | None = None,
) -> Path:
    """Run `train_flow_job` to its end."""
    return run(train_flow_job(settings, out=out, resume=resume, start=start))


def pair_pool(settings: FlowTrainingSettings) -> PairPool:
    """Return the empty pool that a training of these settings draws from."""
    return PairPool(
        partial(_make_pairs, settings),
        blocks=-(-settings.pool_size // settings.block),
        block=settings.block,
        refresh_every=settings.refresh_every,
        seed=settings.training.seed,
    )


def _make_pairs(settings: FlowTrainingSettings, count: int, seed: int) -> Pairs:
    device = resolve_device(settings.training.device)
    return Pairs.of(
        training_pairs(
            count, settings.pair_size, seed, config=settings.synthesis, device=device
        )
    )


def starting_network(
    start: str | Path | None, settings: FlowTrainingSettings
) -> tuple[FlowNet, dict[str, Any]]:
    """Return the network to train and, for the record, where it comes from.

    Of a start of another architecture the pyramid alone is taken over.

    Raises
    ------
    CheckpointError
        If `start` holds another network.
    """
    wanted = NETWORKS[settings.network]
    if start is None:
        fresh = wanted(settings.in_channels, settings.normalized)
        return fresh, {"kind": "scratch", "fresh": True}
    model, card = load_model(start, kind="flow")
    if not isinstance(model, FlowNet):
        raise CheckpointError(
            f"{start}: holds a {type(model).__name__}; flow training goes on from a "
            "flow network, or from scratch"
        )
    origin = {"kind": card.kind, "weights_sha256": weights_digest(model)}
    if isinstance(model, wanted):
        return model, {**origin, "fresh": False}
    fresh = wanted(model.in_channels, model.normalized)
    fresh.features.load_state_dict(model.features.state_dict())
    return fresh, {**origin, "fresh": True}


def predict(model: FlowNet, pictures: Tensor) -> Tensor:
    """Return the flow ``(N, 2, H, W)`` in px of pairs ``(N, 2, H, W)``, on the CPU."""
    device = next(model.parameters()).device
    with answering(model), torch.inference_mode():
        pairs = (pair[None].float().to(device).split(1, dim=1) for pair in pictures)
        return torch.cat([model(*pair).float().cpu() for pair in pairs])


def end_point_errors(model: FlowNet, pairs: Pairs) -> dict[str, float]:
    """Return mean end-point errors in px: all pixels, vessels, and of zero flow."""
    truth = pairs.flow.float()
    error = torch.linalg.vector_norm(predict(model, pairs.pictures) - truth, dim=1)
    length = torch.linalg.vector_norm(truth, dim=1)
    vessel = pairs.vessel
    measures = {
        "epe_all": error,
        "epe_vessel": error[vessel],
        "zero_flow_all": length,
        "zero_flow_vessel": length[vessel],
    }
    return {name: float(m.mean()) for name, m in measures.items() if m.numel()}
