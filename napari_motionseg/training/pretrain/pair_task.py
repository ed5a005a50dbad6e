"""Define the task of pretraining from synthetic pairs, whose flow is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.working_size import at_working_size, working_factor
from napari_motionseg.training.engine.example_pool import ExamplePool
from napari_motionseg.training.engine.transforms import (
    Place,
    drawn_place,
    jitter,
    turn_flow,
)
from napari_motionseg.training.pretrain.motion_task import (
    CheckedTask,
    Learner,
    Measurement,
)
from napari_motionseg.training.pretrain.pair_data import MovingPairs
from napari_motionseg.training.pretrain.preview import draw_preview
from napari_motionseg.training.pretrain.settings import PretrainSettings


class PairWindow(NamedTuple):
    """A window of a pair in the pool.

    Attributes
    ----------
    pair
        Number of the pair in the pool.
    place
        The window, and how it is shown.
    """

    pair: int
    place: Place


class PairTask(CheckedTask):
    """Train on batches of windows of synthetic pairs with their flow.

    Parameters
    ----------
    model
        Embedding network with its objective, trained in place.
    pool
        Pool that pairs are drawn from.
    settings
        Settings of the batches.
    side
        Side of the pictures in the pool, in px.
    check
        Measurement on pairs that are not in the pool, done every
        `settings.check_every` steps; None measures nothing.
    """

    def __init__(
        self,
        model: Learner,
        pool: ExamplePool[MovingPairs],
        settings: PretrainSettings,
        side: int,
        check: Measurement | None = None,
    ) -> None:
        super().__init__(check, settings.check_every)
        self.model = model
        self.batch_size = settings.batch
        self._pool = pool
        self._settings = settings
        self._side = side
        self._window = min(side, settings.crop or side)
        self._shown = pool.at(0, 0)

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the objective's loss and metrics on a random batch."""
        with self.data_clock:
            pictures, later, flow = self.batch(step, generator)
        second = None
        if self.model.needs_second_frame:
            # gray values are changed independently, so that only the content stays
            second = jitter(later, generator, self._settings.jitter).to(device)
        loss, metrics = self.model(
            pictures.to(device), flow.to(device), generator, second
        )
        return loss, metrics | self.checked(step, device)

    def batch(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return first and second pictures ``(B, 1, h, w)`` and flow ``(B, 2, h, w)``.

        Only the first pictures have changed gray values.
        """
        windows = [self._draw(generator) for _ in range(self.batch_size)]
        pairs = torch.stack([self._pictures(step, one) for one in windows])
        if self._settings.shuffled:
            windows = [self._draw(generator) for _ in windows]
        flow = torch.stack([self._flow(step, one) for one in windows])
        if self._settings.shuffled:
            flow = turn_flow(flow, 2)  # as for loops; two draws may be the same window
        first = jitter(pairs[:, :1], generator, self._settings.jitter)
        return first, pairs[:, 1:], flow

    def _draw(self, generator: torch.Generator) -> PairWindow:
        pair = int(torch.randint(len(self._pool), (1,), generator=generator))
        how, sides, seen = self._settings, (self._side,) * 2, (self._window,) * 2
        place = drawn_place(
            sides, seen, how.zoom, how.mirror, generator,
            scale=1 / working_factor(sides, self.model.embedding.config),
        )  # fmt: skip
        return PairWindow(pair, place)

    def _pictures(self, step: int, window: PairWindow) -> Tensor:
        pairs, number = self._pool.at(step, window.pair)
        rows, columns, pose = window.place
        return pose.picture(pairs.pictures[number][:, rows, columns].float())

    def _flow(self, step: int, window: PairWindow) -> Tensor:
        pairs, number = self._pool.at(step, window.pair)
        rows, columns, pose = window.place
        return pose.flow(pairs.flow[number][:, rows, columns].float())

    def preview(self) -> NDArray[np.uint8]:
        """Return a preview ``(H, 3 W, 3)`` of the first pair of the initial pool.

        It shows the picture, a random projection of its embedding, and the similarity
        of each pixel to the one with the largest motion.
        """
        pairs, place = self._shown
        frame, flow = pairs.pictures[place, 0].float(), pairs.flow[place].float()
        device = next(self.model.parameters()).device
        with eval_mode(self.model), torch.inference_mode():
            network, seen = self.model.embedding, frame[None, None].to(device)
            embedding = at_working_size(network, network.config, seen)[0]
        speed = torch.linalg.vector_norm(flow, dim=0).numpy()
        row, column = np.unravel_index(int(speed.argmax()), speed.shape)
        shown = embedding.cpu().numpy()
        return draw_preview(frame.numpy(), shown, (int(row), int(column)))
