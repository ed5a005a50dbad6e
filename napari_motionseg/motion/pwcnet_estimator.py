"""Offer PWC-Net through the interface of flow estimators."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_motionseg.errors import CheckpointError, MotionError
from napari_motionseg.models import FlowNet, load_pwcnet, resolve_device
from napari_motionseg.models.acceleration import accelerate, gains
from napari_motionseg.models.devices import is_out_of_memory
from napari_motionseg.models.model_card import shipped_weights
from napari_motionseg.models.precision import (
    Precision,
    autocast,
    has_matrix_units,
    place,
    resolve_precision,
)
from napari_motionseg.models.pwcnet import padded_size
from napari_motionseg.models.tiling import blend_tiles, smaller_tile
from napari_motionseg.motion.flow_sequence import FlowSettings
from napari_motionseg.motion.pair_workers import usual_workers

SHIPPED = "pwcnet-xa"
GPU_BATCH = 8  # pairs computed at once, enough to keep a GPU busy at 512 x 512

Flow = NDArray[np.float32]


@dataclass(frozen=True)
class PreparedFrame:
    """Features of a frame, computed once for all pairs and both directions.

    Parameters
    ----------
    frame
        The frame ``(H, W)`` in [0, 1].
    features
        Features of levels 1 to 6; None if there is too little memory for a whole frame.
    """

    frame: NDArray[np.float32]
    features: list[Tensor] | None


class NetworkEstimator:
    """Flow estimator with a network that has a feature pyramid for each picture.

    Parameters
    ----------
    model
        The network. On a CPU a copy is used, which is accelerated if it gains enough.
    device
        Device of the computation.
    dtype
        Data type of the computation.
    compiled
        Whether the decoder is compiled; only on CUDA devices.

    Notes
    -----
    Frames are padded to multiples of 64 by repeating their edges, and the flow is
    cropped. If memory runs out, the batch is halved, then frames are split into tiles;
    `remark` reports it. On a CPU, `workers` threads may call it at once.
    """

    def __init__(
        self,
        model: FlowNet,
        device: torch.device,
        dtype: torch.dtype,
        compiled: bool = False,
    ) -> None:
        self._device = device
        self._dtype = dtype
        self._tile: int | None = None
        self._shrinking = threading.Lock()
        on_cpu = device.type == "cpu"
        self.workers = usual_workers() if on_cpu else 1
        self.batch = 1 if on_cpu else GPU_BATCH
        self._model = _for_cpu(model, dtype) if on_cpu else model.eval()
        if not on_cpu:
            place(model, device)
        self._decode = self._model.decode
        self._decode_both = self._model.decode_both
        if compiled and device.type == "cuda":
            self._decode = torch.compile(self._decode)
            self._decode_both = torch.compile(self._decode_both)

    @property
    def remark(self) -> str:
        """Sentence about the effect of short memory; empty if there is none."""
        if self._tile is None:
            return ""
        return f"memory is short: flow in tiles of {self._tile} x {self._tile} px"

    def prepare(self, frame: NDArray[np.float32]) -> PreparedFrame:
        """Return the features of a frame ``(H, W)`` in [0, 1]."""
        if self._tile is not None:
            return PreparedFrame(frame, None)
        try:
            return PreparedFrame(frame, self._pyramid(frame))
        except (RuntimeError, MemoryError) as error:
            self._shrink(error, max(frame.shape))
            return PreparedFrame(frame, None)

    def flow(self, first: PreparedFrame, second: PreparedFrame) -> Flow:
        """Return the flow ``(2, H, W)`` float32 in px from `first` to `second`."""
        return self.flows([(first, second)])[0]

    def flows(self, pairs: Sequence[tuple[PreparedFrame, PreparedFrame]]) -> list[Flow]:
        """Return the flow of each pair of frames of one size, together if they fit.

        Raises
        ------
        MotionError
            If memory runs out even for the smallest tiles.
        """
        try:
            whole = [pair for pair in pairs if pair[0].features and pair[1].features]
            if len(whole) == len(pairs) and self._tile is None:
                return self._decoded(whole)
        except (RuntimeError, MemoryError) as error:
            if len(pairs) == 1 or not is_out_of_memory(error):
                self._shrink(error, max(pairs[0][0].frame.shape))
            else:
                self.batch = max(1, self.batch // 2)
                self._let_go()
        half = len(pairs) // 2
        if half:
            return [*self.flows(pairs[:half]), *self.flows(pairs[half:])]
        return [self._by_tiles(pairs[0][0].frame, pairs[0][1].frame)]

    @torch.inference_mode()
    def _pyramid(self, frame: NDArray[np.float32]) -> list[Tensor]:
        picture = torch.from_numpy(frame)[None, None].to(self._device)
        height, width = frame.shape
        rows, columns = padded_size(height, width)
        margin = (0, columns - width, 0, rows - height)
        with self._precision():
            return self._model.pyramid(
                functional.pad(picture, margin, mode="replicate")
            )

    @torch.inference_mode()
    def _decoded(
        self, pairs: Sequence[tuple[PreparedFrame, PreparedFrame]]
    ) -> list[Flow]:
        height, width = pairs[0][0].frame.shape
        if _are_both_directions(pairs):
            firsts, seconds = (_stacked(side) for side in zip(*pairs[::2], strict=True))
            with self._precision():
                both = self._decode_both(firsts, seconds)
            coarse = torch.stack(both, dim=1).flatten(0, 1)
        else:
            firsts, seconds = (_stacked(side) for side in zip(*pairs, strict=True))
            with self._precision():
                coarse = self._decode(firsts, seconds)
        flow = self._model.finish(coarse.float(), padded_size(height, width))
        return list(flow[..., :height, :width].cpu().contiguous().numpy())

    def _by_tiles(self, first: Flow, second: Flow) -> Flow:
        while True:
            side = self._tile or max(first.shape)
            try:
                return blend_tiles(
                    (2, *first.shape),
                    side,
                    lambda tile: self._between(first[tile], second[tile]),
                )
            except (RuntimeError, MemoryError) as error:
                self._shrink(error, side)

    def _between(self, first: Flow, second: Flow) -> Flow:
        tiles = [
            PreparedFrame(tile, self._pyramid(np.ascontiguousarray(tile)))
            for tile in (first, second)
        ]
        return self._decoded([(tiles[0], tiles[1])])[0]

    def _shrink(self, error: BaseException, failed: int) -> None:
        """Choose tiles smaller than `failed` px if an error is about memory.

        Otherwise the error is raised again.

        If several workers fail at the same size, the tiles are reduced only once: a
        later worker finds smaller tiles already and tries those.
        """
        if not is_out_of_memory(error):
            raise error
        smaller = smaller_tile(failed)
        with self._shrinking:
            if self._tile is None or self._tile >= failed:
                if smaller is None:
                    raise MotionError(
                        f"memory is too short even for the flow of {failed} x "
                        f"{failed} px; close other programs, or choose another device"
                    ) from error
                self._tile = smaller
        self._let_go()

    def _let_go(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _precision(self) -> torch.autocast:
        return autocast(self._device, self._dtype)


def _for_cpu(model: FlowNet, dtype: torch.dtype) -> FlowNet:
    """Return a copy of a network in the form that runs fastest on a CPU."""
    model = copy.deepcopy(model).cpu().eval()
    if gains(model, dtype):
        return accelerate(model)
    # training is faster in the plain layout, estimation a tenth faster in this one
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _are_both_directions(
    pairs: Sequence[tuple[PreparedFrame, PreparedFrame]],
) -> bool:
    """Return whether every second pair is the previous one in reverse."""
    couples = zip(pairs[::2], pairs[1::2], strict=False)
    turned = (a[0] is b[1] and a[1] is b[0] for a, b in couples)
    return len(pairs) % 2 == 0 and all(turned)


def _stacked(frames: Sequence[PreparedFrame]) -> list[Tensor]:
    """Return the features of each level, concatenated over the frames."""
    levels = zip(*(frame.features or () for frame in frames), strict=True)
    return [torch.cat(level) if len(level) > 1 else level[0] for level in levels]


def pwcnet(settings: FlowSettings) -> NetworkEstimator:
    """Return PWC-Net (Sun et al. 2018) with weights of the package or the user."""
    device = resolve_device(settings.device)
    dtype = flow_precision(settings.precision, device)
    model = load_pwcnet(settings.weights)
    return NetworkEstimator(model, device, dtype, settings.compiled)


def flow_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the data type in which flow is computed.

    On a CPU without matrix units this is float32, accelerated to within 1e-3 px of the
    plain network. bf16 would be up to 1.4 times faster there, but would lose 0.1 px.
    """
    if precision == "auto" and device.type == "cpu" and not has_matrix_units():
        return torch.float32
    return resolve_precision(precision, device)


def identity(settings: FlowSettings) -> str:
    """Return a text that identifies a network's flow: its weights and precision.

    Raises
    ------
    CheckpointError
        If the weights cannot be read.
    """
    path = Path(settings.weights) if settings.weights else shipped_weights(SHIPPED)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    dtype = flow_precision(settings.precision, resolve_device(settings.device))
    return f"{digest} {dtype}"
