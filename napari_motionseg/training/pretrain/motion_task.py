"""Define the task of pretraining: windows of moving loops, and an objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_motionseg.models import UNet
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.working_size import at_working_size, working_factor
from napari_motionseg.objectives.pixel_sampling import draw_pixels, vectors_at
from napari_motionseg.objectives.weighted_sum import needs_second_frame
from napari_motionseg.training.engine.throughput import DataClock
from napari_motionseg.training.engine.transforms import (
    Place,
    drawn_place,
    jitter,
    turn_flow,
)
from napari_motionseg.training.pretrain.motion_data import MovingLoop
from napari_motionseg.training.pretrain.prefetch import FrameCrop, FramePrefetcher
from napari_motionseg.training.pretrain.preview import draw_preview
from napari_motionseg.training.pretrain.settings import PretrainSettings


class Learner(nn.Module):
    """An embedding network together with its objective, which may have own weights.

    Parameters
    ----------
    embedding
        Network that is kept as the result.
    objective
        Objective from `PretrainSettings.make_objective`; its weights, if any, become
        those of this module.
    """

    def __init__(self, embedding: UNet, objective: Any) -> None:
        super().__init__()
        self.embedding = embedding
        self.needs_second_frame = needs_second_frame(objective)
        if hasattr(objective, "learnable"):
            objective = objective.learnable(embedding.config.embedding_dim)
        self.objective = objective
        hypercolumn = embedding.config.head == "hypercolumn"
        self._sparse = hypercolumn and hasattr(objective, "at_points")

    def forward(
        self,
        pictures: Tensor,
        flow: Tensor,
        generator: torch.Generator,
        later: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the objective's loss and metrics.

        Parameters
        ----------
        pictures, later
            Pictures ``(B, C, H, W)`` in [0, 1], and the frames to which the flow leads,
            which are None if the objective does not need them.
        flow
            Flow ``(B, 2, H, W)`` in px.
        generator
            Generator that draws pixels.
        """
        if self._sparse:
            pixels = draw_pixels(flow, self.objective.points, generator=generator)
            vectors = self.embedding.at_points(pictures, pixels)
            return self.objective.at_points(vectors, vectors_at(flow, pixels))  # type: ignore[no-any-return]
        if later is None:
            embedding = self.embedding(pictures)
            return self.objective(embedding, flow, generator)  # type: ignore[no-any-return]
        both = self.embedding(torch.cat((pictures, later)))
        now, then = both.chunk(2)
        return self.objective(now, flow, generator, then)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Window:
    """A window of a frame of a loop.

    Parameters
    ----------
    loop, t
        Number of the loop, and its frame, from 0.
    place
        The window, and how it is shown.
    """

    loop: int
    t: int
    place: Place

    def piece(self, gap: int = 0) -> FrameCrop:
        """Return the crop of the frame, or of the frame that is `gap` later."""
        rows, columns, _ = self.place
        return FrameCrop(
            self.loop,
            self.t + gap,
            (rows.start, rows.stop),
            (columns.start, columns.stop),
        )

    def __str__(self) -> str:
        return (
            f"loop {self.loop + 1} frame {self.t + 1} from row "
            f"{self.place.rows.start}, column {self.place.columns.start}"
        )


class Measurement(Protocol):
    """Interface of measurements that a task does now and then."""

    def measure(self, device: torch.device) -> dict[str, float]:
        """Return metrics of the network, which is on `device`."""
        ...


class CheckedTask:
    """Base class of tasks that measure now and then what an embedding explains.

    Parameters
    ----------
    check
        Measurement on data that is not trained on; None measures nothing.
    every
        Number of steps between two measurements.
    """

    def __init__(self, check: Measurement | None, every: int) -> None:
        self.data_clock = DataClock()
        self._check = check
        self._check_every = every
        self._checked_step: int | None = None

    def checked(self, step: int, device: torch.device) -> dict[str, float]:
        """Return the metrics of the measurement if it is due at this step."""
        due = self._check is not None and step % self._check_every == 0
        if not due or step == self._checked_step:  # once for all micro-batches
            return {}
        self._checked_step = step
        return self._check.measure(device) if self._check is not None else {}


class PretrainTask(CheckedTask):
    """Train on batches of windows of frames with their flow.

    Parameters
    ----------
    model
        Embedding network with its objective, trained in place.
    loops
        Loops of the training; each is drawn with the same probability.
    settings
        Settings of the batches.
    prefetcher
        Source of pictures of `loops`, which the caller closes; None decodes all frames
        in this process.
    check
        Measurement on held-out loops, done every `settings.check_every` steps; None
        measures nothing.
    """

    def __init__(
        self,
        model: Learner,
        loops: Sequence[MovingLoop],
        settings: PretrainSettings,
        prefetcher: FramePrefetcher | None = None,
        check: Measurement | None = None,
    ) -> None:
        super().__init__(check, settings.check_every)
        self.model = model
        self.batch_size = settings.batch
        self._loops = loops
        self._prefetcher = prefetcher or FramePrefetcher(loops)
        self._settings = settings
        self._last: list[Window] = []
        sides = [min(loop.cine.shape[axis] for loop in loops) for axis in (1, 2)]
        height, width = (min(side, settings.crop or side) for side in sides)
        self._window = height, width

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the objective's loss and metrics on a random batch."""
        later = None
        with self.data_clock:
            pictures, flow = self.batch(generator)
            if self.model.needs_second_frame:
                later = self._later(generator).to(device)
        loss, metrics = self.model(
            pictures.to(device), flow.to(device), generator, later
        )
        return loss, metrics | self.checked(step, device)

    def prefetch(self, step: int, generator: torch.Generator, size: int) -> None:
        """Prefetch the frames from which the batch of a coming step is cut."""
        windows = [self._draw(generator) for _ in range(size)]
        pieces = [window.piece() for window in windows]
        if self.model.needs_second_frame:
            pieces += [self._later_piece(window) for window in windows]
        self._prefetcher.prefetch(step, pieces)

    def batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return pictures ``(B, 1, h, w)`` in [0, 1] and flow ``(B, 2, h, w)``."""
        self._last = [self._draw(generator) for _ in range(self.batch_size)]
        pictures = self._cut([window.piece() for window in self._last])
        moving = self._last
        if self._settings.shuffled:
            moving = [self._draw(generator) for _ in moving]
        flow = torch.stack([self._motion(window) for window in moving])
        if self._settings.shuffled:
            # windows of whole frames of one loop lie at the same place
            flow = turn_flow(flow, 2)
        return jitter(pictures, generator, self._settings.jitter), flow

    def _later(self, generator: torch.Generator) -> Tensor:
        """Return the windows in the frames to which the last batch's flow leads.

        Their gray values are changed independently, so that only the content stays the
        same.
        """
        frames = self._cut([self._later_piece(window) for window in self._last])
        return jitter(frames, generator, self._settings.jitter)

    def _later_piece(self, window: Window) -> FrameCrop:
        return window.piece(self._loops[window.loop].gap)

    def _draw(self, generator: torch.Generator) -> Window:
        def draw(bound: int) -> int:
            return int(torch.randint(bound, (1,), generator=generator))

        number = draw(len(self._loops))
        loop = self._loops[number]
        t = loop.entries[draw(len(loop.entries))]
        sides, how = (loop.cine.shape[1], loop.cine.shape[2]), self._settings
        place = drawn_place(
            sides, self._window, how.zoom, how.mirror, generator,
            scale=1 / working_factor(sides, self.model.embedding.config),
        )  # fmt: skip
        return Window(number, t, place)

    def _cut(self, pieces: Sequence[FrameCrop]) -> Tensor:
        """Return the crops for the windows of the last batch, ``(B, 1, h, w)``."""
        pictures = self._prefetcher.pictures(pieces)
        pairs = zip(pictures, self._last, strict=True)
        return torch.stack(
            [window.place.pose.picture(picture) for picture, window in pairs]
        )

    def _motion(self, window: Window) -> Tensor:
        loop = self._loops[window.loop]
        rows, columns, pose = window.place
        return pose.flow(loop.motion(window.t, (rows, columns)))

    def describe_batch(self) -> str:
        """Return a description of the windows of the last batch."""
        return "; ".join(map(str, self._last))

    def preview(self) -> NDArray[np.uint8]:
        """Return a preview ``(H, 3 W, 3)`` of the middle frame of the first loop.

        It shows the frame, a random projection of its embedding, and the similarity of
        each pixel to the one with the largest motion.
        """
        loop = self._loops[0]
        t = loop.entries[len(loop.entries) // 2]
        frame = loop.cine.normalized(t)
        device = next(self.model.parameters()).device
        with eval_mode(self.model), torch.inference_mode():
            frames = torch.from_numpy(frame)[None, None].to(device)
            network = self.model.embedding
            found = at_working_size(network, network.config, frames)[0]
        embedding = found.cpu().numpy()
        speed = np.linalg.norm(loop.flow[t].astype(np.float32), axis=0)
        row, column = np.unravel_index(int(speed.argmax()), speed.shape)
        return draw_preview(frame, embedding, (int(row), int(column)))
