"""Predict the frames of a loop in parallel threads, with as much memory as there is."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionSegError
from napari_motionseg.jobs.frame_queue import FrameQueue
from napari_motionseg.models import SegmentationNet
from napari_motionseg.models.acceleration import accelerate
from napari_motionseg.models.class_names import CATHETER
from napari_motionseg.models.devices import is_out_of_memory
from napari_motionseg.models.familiarity import Familiarity
from napari_motionseg.models.folded_unet import Predicting, folded
from napari_motionseg.models.precision import autocast, place, resolve_precision
from napari_motionseg.models.tiling import blend_tiles, smaller_tile
from napari_motionseg.models.working_size import at_working_size, to_working_size
from napari_motionseg.motion.pair_workers import usual_workers, work_through

EVERY = slice(None)  # all classes of a network


@dataclass(frozen=True, eq=False)
class FrameBatch:
    """Frames that are predicted together.

    Parameters
    ----------
    frames
        Indices of the frames.
    good
        Those that are not damaged.
    images
        Gray values ``(N, 1, H, W)`` float32 in [0, 1] of the good frames.
    """

    frames: list[int]
    good: list[int]
    images: Tensor

    @classmethod
    def decoded(cls, cine: Cine, frames: list[int]) -> FrameBatch | None:
        """Return frames of a loop, or None if the list is empty."""
        if not frames:
            return None
        good = [t for t in frames if cine.frames.usable(t)]
        images = [torch.from_numpy(cine.normalized(t)) for t in good]
        none = torch.empty(0, *cine.shape[1:])
        return cls(frames, good, (torch.stack(images) if images else none)[:, None])


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
    catheters
        Whether a `CatheterNet` that stands beside the model is asked. Its probability
        is then one more plane after the classes of the model.

    Attributes
    ----------
    catheters_are_background
        Whether the catheters that are told are background, in place of a class.
    workers
        Number of threads that each predict a batch; one if memory runs out.
    notes
        Sentences on how batches and tiles were reduced, for the user.
    """

    def __init__(
        self,
        model: SegmentationNet,
        device: torch.device,
        batch: int,
        *,
        catheters: bool = True,
    ) -> None:
        self.device = device
        self.batch = batch
        self.tile: int | None = None
        # on the CPU, two threads with a frame each need not wait for each other
        self.workers = usual_workers() if device.type == "cpu" else 1
        self.notes: list[str] = []
        self._model = ready(model, device)
        beside = model.catheters if catheters else None
        self._beside = None if beside is None else ready(beside.network, device)
        self.catheters_are_background = beside is not None and beside.is_background

    @property
    def tells_catheters(self) -> bool:
        """Whether the last plane is the probability of a catheter."""
        return self._beside is not None

    @property
    def familiarity(self) -> Familiarity | None:
        """Statistics of the pictures that the network was trained on, if known."""
        return self._model.familiarity

    def strangeness(self, picture: NDArray[np.float32]) -> float:
        """Return how unlike the training pictures a frame ``(H, W)`` is.

        Only for a network whose `familiarity` is known.
        """
        known, network = self._model.familiarity, self._model.embedding
        if known is None:
            return 0.0
        seen = to_working_size(torch.from_numpy(picture)[None, None], network.config)
        return known.strangeness(network, seen[0, 0].numpy())

    def predict_all(
        self, cine: Cine, waiting: FrameQueue
    ) -> Generator[tuple[int, NDArray[np.float32] | None]]:
        """Yield the frames of a queue in order, with probabilities ``(classes, H, W)``.

        Parameters
        ----------
        cine
            The loop. Its frames are decoded by the calling thread.
        waiting
            Frames to predict. If it is reordered, the few frames that are being
            computed still come first.

        Yields
        ------
        tuple
            The index of a frame, and its probabilities, or None if it is damaged.
        """
        while len(waiting):
            yield from self._predict_with(cine, waiting, self.workers)

    def _predict_with(
        self, cine: Cine, waiting: FrameQueue, workers: int
    ) -> Generator[tuple[int, NDArray[np.float32] | None]]:
        """Yield frames until none waits, or until another number of threads is due."""

        def take() -> FrameBatch | None:
            due = self.batch if self.workers == workers else 0
            return FrameBatch.decoded(cine, waiting.take(due))

        found = work_through(take, self._attempt, workers, in_order=True)
        with closing(found) as batches:
            for batch, answer in batches:
                if answer is None:
                    answer = self._alone(batch.images)
                known = dict(zip(batch.good, answer.numpy(), strict=True))
                yield from ((t, known.get(t)) for t in batch.frames)

    def _attempt(self, batch: FrameBatch) -> Tensor | None:
        """Return the probabilities of a batch; None if memory does not suffice."""
        if not batch.good:
            return batch.images
        try:
            return self._compute(batch.images)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _alone(self, images: Tensor) -> Tensor:
        """Return what did not fit beside the batches of other threads."""
        if self.workers > 1:
            self.workers = 1
            self.notes.append(f"out of memory: {self.batch} frames at once")
        return self.probabilities(images)

    def probabilities(self, images: Tensor) -> Tensor:
        """Return ``(B, classes, H, W)`` float32 on the CPU for ``(B, 1, H, W)``.

        Raises
        ------
        MotionSegError
            If not even small tiles fit in memory.
        """
        while True:
            try:
                parts = torch.split(images, self.batch)
                return torch.cat([self._compute(part) for part in parts])
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                self._give_way(error, images)

    def _compute(self, images: Tensor) -> Tensor:
        found = self._answer(self._model, images)
        if self._beside is None:
            return found
        catheter = self._answer(self._beside, images, slice(CATHETER, CATHETER + 1))
        return torch.cat((found, catheter), dim=1)

    def _answer(
        self, network: Predicting, images: Tensor, classes: slice = EVERY
    ) -> Tensor:
        """Return probabilities of some classes by a network at its working size."""

        def answer(resized: Tensor) -> Tensor:
            return self._in_tiles(network, resized)[:, classes]

        return at_working_size(answer, network.embedding.config, images)

    def _in_tiles(self, network: Predicting, images: Tensor) -> Tensor:
        if self.tile is None:
            return self._on_device(network, images)
        blended = blend_tiles(
            (len(images), network.classes, *images.shape[-2:]),
            self.tile,
            lambda tile: self._on_device(
                network, images[..., tile[0], tile[1]]
            ).numpy(),
        )
        return torch.from_numpy(blended)

    def _on_device(self, network: Predicting, images: Tensor) -> Tensor:
        with torch.inference_mode(), autocast(self.device):
            return network.probabilities(images.to(self.device)).float().cpu()

    def _give_way(self, error: BaseException, images: Tensor) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.workers = 1
        if min(self.batch, len(images)) > 1:
            self.batch = self.batch // 2
            self.notes.append(f"out of memory: {self.batch} frames at once")
            return
        failed = self.tile or max(images.shape[-2:])
        smaller = smaller_tile(failed)
        if smaller is None:
            raise MotionSegError(
                f"out of memory on {self.device} even with tiles of {failed} "
                "pixels; use device='cpu' or a narrower network"
            ) from error
        self.tile = smaller
        self.notes.append(f"out of memory: tiles of {self.tile} pixels")


def ready(model: SegmentationNet, device: torch.device) -> Predicting:
    """Return a network that predicts the same as fast as a device can.

    Parameters
    ----------
    model
        Network; it is put into evaluation mode.
    device
        Device that the result lies on.
    """
    found = folded(model.eval()).to(device)
    place(found, device)
    single = resolve_precision("auto", device) is torch.float32
    return accelerate(found) if device.type == "cpu" and single else found
