"""Segment the frames of a loop with a trained network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.cine import Cine
from napari_motionseg.cine.field_of_view import find_cine_field_of_view
from napari_motionseg.errors import CheckpointError, MotionSegError, SettingsError
from napari_motionseg.io.labels import Labels
from napari_motionseg.jobs import STOP, Job, Progress, run
from napari_motionseg.jobs.frame_queue import FrameQueue
from napari_motionseg.models import SegmentationNet, load_model, resolve_device
from napari_motionseg.models.devices import is_out_of_memory
from napari_motionseg.models.familiarity import Familiarity
from napari_motionseg.models.folded_unet import folded
from napari_motionseg.models.precision import place
from napari_motionseg.models.tiling import blend_tiles, smaller_tile
from napari_motionseg.motion.pair_workers import usual_workers, work_through
from napari_motionseg.segmentation.obeyed_labels import obey
from napari_motionseg.training.engine.loop import autocast

STRANGE = (
    "this does not look like the angiograms that the network was trained on: do not "
    "trust its masks"
)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The masks of a loop.

    Parameters
    ----------
    masks
        ``(T, H, W)`` uint8 class numbers, 0 = background.
    probabilities
        ``(T, H, W)`` float16 probability of each pixel to belong to any class but
        the background.
    likeliest
        ``(T, H, W)`` uint8 number of the most probable class except the background.
    done
        ``(T,)`` bool, True for segmented frames. Other frames, and damaged ones,
        are 0 in all arrays.
    threshold
        Probability from which a pixel is not background.
    strangeness
        How unlike the network's training pictures the loop is; see `Familiarity`. None
        if the network does not know.
    strange
        Whether it is so unlike them that the masks are not to be trusted.
    labels
        Labels of the loop that the arrays obey, or None; see `obeyed_labels`.
    """

    masks: NDArray[np.uint8]
    probabilities: NDArray[np.float16]
    likeliest: NDArray[np.uint8]
    done: NDArray[np.bool_]
    threshold: float = 0.5
    strangeness: float | None = None
    strange: bool = False
    labels: Labels | None = None

    @property
    def parts(self) -> tuple[NDArray[np.uint8], NDArray[np.float16], NDArray[np.uint8]]:
        """Masks, probabilities and likeliest classes."""
        return self.masks, self.probabilities, self.likeliest

    def at_threshold(self, threshold: float) -> Segmentation:
        """Return the masks for another threshold; the network is not run again."""
        _require_threshold(threshold)
        masks = _masks(self.probabilities, self.likeliest, threshold)
        return replace(self, masks=masks, threshold=threshold)


class Predictor:
    """Predict with less memory if it runs out: first smaller batches, then tiles.

    Parameters
    ----------
    model
        Network; it is put into evaluation mode, and its present weights are used.
    device
        Device to compute on.
    batch
        Number of frames to predict at once; it is halved if memory runs out.

    Attributes
    ----------
    workers
        Number of threads that each predict a batch; one if memory runs out.
    notes
        Sentences on how batches and tiles were reduced, for the user.
    """

    def __init__(
        self, model: SegmentationNet, device: torch.device, batch: int
    ) -> None:
        self.device = device
        self.batch = batch
        self.tile: int | None = None
        # on the CPU, two threads with a frame each need not wait for each other
        self.workers = usual_workers() if device.type == "cpu" else 1
        self.notes: list[str] = []
        self._model = folded(model.eval()).to(device)
        place(self._model, device)

    def probabilities(self, images: Tensor) -> Tensor:
        """Return ``(B, classes, H, W)`` float32 on the CPU for ``(B, 1, H, W)``.

        Raises
        ------
        MotionSegError
            If not even small tiles fit in memory.
        """
        while True:
            try:
                return torch.cat(self._computed(torch.split(images, self.batch)))
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                self._give_way(error, images)

    def judged(
        self, result: Segmentation, cine: Cine, frames: Iterable[int]
    ) -> Segmentation:
        """Return a result that says how unlike the training pictures a frame is.

        The first of the frames is judged, unless an earlier one was.
        """
        known, first = self._model.familiarity, next(iter(frames), None)
        if known is None or first is None or result.strangeness is not None:
            return result
        picture = cine.normalized(first)
        strangeness = known.strangeness(self._model.embedding, picture)
        strange = strangeness > known.limit
        return replace(result, strangeness=strangeness, strange=strange)

    @property
    def together(self) -> int:
        """Number of frames that are best given at once."""
        return self.batch * self.workers

    def _computed(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """Return the probabilities of each part; several are computed in parallel."""
        numbers, workers = iter(range(len(parts))), min(self.workers, len(parts))
        found = work_through(
            lambda: next(numbers, None), lambda n: self._compute(parts[n]), workers
        )
        return [answer for _, answer in sorted(found, key=lambda pair: pair[0])]

    def _compute(self, images: Tensor) -> Tensor:
        if self.tile is None:
            return self._on_device(images)
        blended = blend_tiles(
            (len(images), self._model.classes, *images.shape[-2:]),
            self.tile,
            lambda tile: self._on_device(images[..., tile[0], tile[1]]).numpy(),
        )
        return torch.from_numpy(blended)

    def _on_device(self, images: Tensor) -> Tensor:
        with torch.inference_mode(), autocast(self.device):
            return self._model.probabilities(images.to(self.device)).float().cpu()

    def _give_way(self, error: BaseException, images: Tensor) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if min(self.together, len(images)) > 1:
            self.batch, self.workers = max(1, self.batch // 2), 1
            self.notes.append(f"out of memory: {self.batch} frames at once")
            return
        failed = self.tile or max(images.shape[-2:])
        smaller = smaller_tile(failed)
        if smaller is None:
            raise MotionSegError(
                f"out of memory on {self.device} even with tiles of {failed} "
                "pixels; use device='cpu' or a narrower network"
            ) from error
        self.tile, self.workers = smaller, 1
        self.notes.append(f"out of memory: tiles of {self.tile} pixels")


def segment_job(
    cine: Cine,
    model: str | Path | SegmentationNet,
    *,
    frames: Sequence[int] | None = None,
    threshold: float = 0.5,
    device: str = "auto",
    batch: int = 1,
    whole_picture: bool = False,
    labels: Labels | None = None,
) -> Job[Segmentation]:
    """Segment frames of a loop.

    Parameters
    ----------
    cine
        The loop, with frames of any size.
    model
        Path of a ``"segmentation"`` checkpoint, ``"default"``, or a network.
    frames
        Indices of the frames to segment, in this order; None for all from first to
        last. While the job runs, ``job.send(12)`` continues with the frames nearest
        to frame 12.
    threshold
        Probability from which a pixel is not background; Ma et al. (2019) use 0.5.
    device
        Name of the device, as in `resolve_device`.
    batch
        Number of frames to predict at once. If memory runs out, it is halved, then
        frames are cut into tiles; the message of the progress says so.
    whole_picture
        Whether to also mark pixels outside the loop's field of view and along its edge.
        By default nothing is marked there, see `field_of_view`.
    labels
        Labels of this loop. Their pixels have their classes in the result, whatever the
        network says; None if there are none.

    Yields
    ------
    Progress
        After each frame; `preview` is ``(t, mask, probability, likeliest)``, the arrays
        of the result's `parts` at frame t, or None if the frame is damaged.
        ``metrics["strange"]`` is 1 if the masks are not to be trusted, see
        `Segmentation`.

    Returns
    -------
    Segmentation
        Masks of all frames; after `STOP`, of the frames segmented so far.

    Raises
    ------
    SettingsError
        If a frame index, the threshold or the batch is out of range.
    CheckpointError
        If `model` is not a segmentation checkpoint.
    LabelError
        If the labels do not fit the loop.
    ReadError
        If no frame of the loop can be decoded.
    """
    _require_threshold(threshold)
    if labels is not None:
        labels.require_shape(cine.shape)
    if batch < 1:
        raise SettingsError(f"batch must be at least 1; got {batch}")
    waiting = FrameQueue(_checked_order(frames, len(cine)))
    predictor = Predictor(load_segmentation(model), resolve_device(device), batch)
    result = _empty(cine, threshold, labels)
    inside = None if whole_picture else find_cine_field_of_view(cine).inner()
    step, total = 0, len(waiting)
    while ts := waiting.take(predictor.together):
        found = _probabilities(cine, ts, predictor)
        result = predictor.judged(result, cine, found)
        for t in ts:
            step += 1
            message, preview = f"frame {t} is damaged and left out", None
            if t in found:
                _keep(result, t, found[t], inside)
                message = "; ".join(_notes(result, predictor))
                preview = (t, *(part[t].copy() for part in result.parts))
            told, then = _told(result), waiting.next_frame
            signal = yield Progress(step, total, message, told, preview, (t,), then)
            if signal == STOP:
                return result
            waiting.hear(signal)
    return result


def _empty(cine: Cine, threshold: float, labels: Labels | None) -> Segmentation:
    """Return a segmentation in which no frame is done."""
    return Segmentation(
        masks=np.zeros(cine.shape, np.uint8),
        probabilities=np.zeros(cine.shape, np.float16),
        likeliest=np.zeros(cine.shape, np.uint8),
        done=np.zeros(len(cine), np.bool_),
        threshold=threshold,
        labels=labels,
    )


def _probabilities(
    cine: Cine, ts: Sequence[int], predictor: Predictor
) -> dict[int, NDArray[np.float32]]:
    """Return ``(classes, H, W)`` for each frame that is not damaged."""
    good = [t for t in ts if cine.frames.usable(t)]
    if not good:
        return {}
    images = torch.stack([torch.from_numpy(cine.normalized(t)) for t in good])
    found = predictor.probabilities(images[:, None]).numpy()
    return dict(zip(good, found, strict=True))


def segment(
    cine: Cine,
    model: str | Path | SegmentationNet,
    *,
    frames: Sequence[int] | None = None,
    threshold: float = 0.5,
    device: str = "auto",
    batch: int = 1,
    whole_picture: bool = False,
    labels: Labels | None = None,
) -> Segmentation:
    """Run `segment_job` to its end."""
    job = segment_job(
        cine, model, frames=frames, threshold=threshold, device=device, batch=batch,
        whole_picture=whole_picture, labels=labels,
    )  # fmt: skip
    return run(job)


def load_segmentation(model: str | Path | SegmentationNet) -> SegmentationNet:
    """Return a given network unchanged, or load one from a checkpoint.

    Parameters
    ----------
    model
        Network, path of a ``"segmentation"`` checkpoint, or ``"default"``.

    Raises
    ------
    CheckpointError
        If the checkpoint holds no segmentation network.
    """
    if isinstance(model, SegmentationNet):
        return model
    network, card = load_model(model, kind="segmentation")
    if not isinstance(network, SegmentationNet):
        raise CheckpointError(f"{model}: {card.architecture} gives no masks")
    network.familiarity = Familiarity.of_card(card.provenance)
    return network


def _keep(
    result: Segmentation,
    t: int,
    probabilities: NDArray[np.float32],
    inside: NDArray[np.bool_] | None,
) -> None:
    """Store the probabilities ``(classes, H, W)`` of frame `t` in the result.

    Outside `inside` ``(H, W)`` all pixels become background; None is inside everywhere.
    """
    foreground = 1 - probabilities[0]
    if inside is not None:
        foreground = np.where(inside, foreground, 0)
    result.probabilities[t] = foreground
    result.likeliest[t] = 1 + probabilities[1:].argmax(axis=0)
    if result.labels is not None:
        obey(result.probabilities[t], result.likeliest[t], result.labels.target(t))
    result.masks[t] = _masks(
        result.probabilities[t], result.likeliest[t], result.threshold
    )
    result.done[t] = True


def _masks(
    probabilities: NDArray[np.float16], likeliest: NDArray[np.uint8], threshold: float
) -> NDArray[np.uint8]:
    return np.where(probabilities >= np.float16(threshold), likeliest, np.uint8(0))


def _checked_order(frames: Sequence[int] | None, count: int) -> list[int]:
    order = list(range(count)) if frames is None else [int(t) for t in frames]
    outside = [t for t in order if not 0 <= t < count]
    if outside:
        raise SettingsError(
            f"frame {outside[0]} is outside the loop's frames 0 to {count - 1}"
        )
    return order


def _require_threshold(threshold: float) -> None:
    if not 0 < threshold < 1:
        raise SettingsError(f"threshold must be between 0 and 1; got {threshold}")


def _told(result: Segmentation) -> dict[str, float]:
    """Return what a result says of its loop, as the metrics of a progress."""
    return {} if result.strangeness is None else {"strange": float(result.strange)}


def _notes(result: Segmentation, predictor: Predictor) -> list[str]:
    """Return what the user should know: less memory, masks not to be trusted."""
    return [*predictor.notes[-1:], *([STRANGE] if result.strange else [])]
