"""Fine-tune PWC-Net to the user's own loops, on pairs that are composed from them.

Following Ma et al. (2019), 4.5, vessels are cut out of a few labelled frames and moved
over contrast-free backgrounds of the same loops, so the flow of such a pair is known.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError, SettingsError
from napari_motionseg.io.labels import Labels
from napari_motionseg.jobs import Job, Progress, run
from napari_motionseg.models import FlowNet, load_pwcnet, resolve_device
from napari_motionseg.motion.colors import flow_to_rgb
from napari_motionseg.motion.cutout import LoopLayers, cut_out_job
from napari_motionseg.training.engine.checkpointing import weights_digest
from napari_motionseg.training.engine.training_run import TrainingRun
from napari_motionseg.training.flow.composed_pairs import (
    AdaptationSettings,
    ComposedPairs,
)
from napari_motionseg.training.flow.flow_task import (
    FlowTask,
    end_point_errors,
    predict,
)
from napari_motionseg.training.flow.job import flow_card
from napari_motionseg.training.flow.pairs import Pairs
from napari_motionseg.training.flow.settings import FlowTrainingSettings

LabelledLoop = tuple[Cine, Labels]


class AdaptationTask(FlowTask):
    """Train on composed pairs; previews also show the flow before adaptation."""

    def __init__(
        self,
        model: FlowNet,
        pool: Any,
        held_out: Pairs,
        settings: FlowTrainingSettings,
    ) -> None:
        super().__init__(model, pool, held_out, settings)
        self._shown = held_out.pictures[:1]
        self._truth = held_out.flow[0].float().numpy()
        self._before = predict(model, self._shown)[0].numpy()

    def preview(self) -> NDArray[np.uint8]:
        """Return flow before, after and true flow as colours ``(H, 3W, 3)``."""
        after = predict(self.model, self._shown)[0].numpy()
        largest = float(np.linalg.norm(self._truth, axis=0).max()) or None
        three = np.concatenate((self._before, after, self._truth), axis=-1)
        colours: NDArray[np.uint8] = flow_to_rgb(three, largest)
        return colours


def adapt_flow_job(
    examples: Sequence[LabelledLoop],
    settings: AdaptationSettings | None = None,
    *,
    out: str | Path,
    start: str | Path | None = None,
    resume: bool = False,
) -> Job[Path]:
    """Fine-tune PWC-Net on pairs composed from painted loops.

    Parameters
    ----------
    examples
        Loops with vessels painted on at least one frame.
    settings
        Settings of pairs, loss and training loop; None uses `AdaptationSettings()`.
    out
        Path of the ``"flow"`` checkpoint to write, in float16. The state from which
        `resume` continues is ``<name>.state.safetensors`` beside it.
    start
        Path of a PWC-Net checkpoint to start from; None uses the weights of the
        package.
    resume
        Whether to continue the last run with the same settings, loops and labels.

    Yields
    ------
    Progress
        First while vessels are cut out, then after each step with ``metrics["loss"]``
        and ``metrics["epe"]`` (px). `preview` is a uint8 picture of flow before, after
        and true flow. The last one has the errors on held-out pairs, before and after.

    Returns
    -------
    Path
        The path `out`; after `STOP`, the file holds the result so far.

    Raises
    ------
    LabelError
        If labels do not fit or contain no usable vessel; see `cut_out_job`.
    MotionError
        If a loop has only one frame.
    CheckpointError
        If `start` is not a PWC-Net checkpoint.
    TrainingError
        If training fails, see `train_job`, or is stopped before the first step.
    """
    settings = settings or AdaptationSettings()
    _check(examples)
    training = TrainingRun(out, settings.training, resume)
    device = resolve_device(settings.training.device)
    model = load_pwcnet(start).to(device)
    loops = yield from _layers_job(examples, device)
    task, held_out = _task(model, loops, examples, settings)
    before = end_point_errors(model, held_out)
    sources = {
        "start": {"kind": "flow", "weights_sha256": weights_digest(model)},
        "loops": [_facts(*each) for each in zip(examples, loops, strict=True)],
    }
    whole = dataclasses.asdict(settings)
    identity = {k: v for k, v in whole.items() if k not in ("training", "held_out")}
    record = yield from training.train_job(task, {"adaptation": identity, **sources})
    after = end_point_errors(model, held_out)
    provenance = {
        "settings": whole,
        **sources,
        "training": record.provenance,
        "held_out_epe_px": {"before": before, "after": after},
        "notes": [note for layers in loops for note in layers.notes],
    }
    training.save(model, flow_card(model, provenance))
    errors = {"epe_before": before["epe_all"], "epe_after": after["epe_all"]}
    yield Progress(record.steps_done, settings.training.steps, metrics=errors)
    return training.out


def adapt_flow(
    examples: Sequence[LabelledLoop],
    settings: AdaptationSettings | None = None,
    *,
    out: str | Path,
    start: str | Path | None = None,
    resume: bool = False,
) -> Path:
    """Run `adapt_flow_job` to its end."""
    return run(adapt_flow_job(examples, settings, out=out, start=start, resume=resume))


def _check(examples: Sequence[LabelledLoop]) -> None:
    if not examples:
        raise SettingsError("no loop was given to adapt to; give one with its labels")
    for cine, _ in examples:
        if len(cine) < 2:
            raise MotionError(
                f"{cine.name}: has only one frame, so there is no flow to adapt to; "
                "give the loop that the frame belongs to"
            )


def _layers_job(
    examples: Sequence[LabelledLoop], device: torch.device
) -> Job[list[LoopLayers]]:
    """Separate every loop into vessels and backgrounds."""
    loops = []
    for cine, labels in examples:
        layers = yield from cut_out_job(cine, labels)
        loops.append(layers.to(device))
    return loops


def _task(
    model: FlowNet,
    loops: Sequence[LoopLayers],
    examples: Sequence[LabelledLoop],
    settings: AdaptationSettings,
) -> tuple[AdaptationTask, Pairs]:
    how = settings.for_side(min(min(cine.shape[1:]) for cine, _ in examples))
    pool = ComposedPairs(loops, how.pair_size, settings)
    held_out = pool.held_out(settings.held_out)
    return AdaptationTask(model, pool, held_out, how), held_out


def _facts(example: LabelledLoop, layers: LoopLayers) -> dict[str, Any]:
    """Return facts about a loop for the record: hashes and frames, no name."""
    cine, labels = example
    digest = hashlib.sha256(repr((labels.frames, labels.mode)).encode())
    digest.update(np.ascontiguousarray(labels.labels[labels.labelled]).tobytes())
    return {
        "pixels_sha256": cine.content_hash(),
        "labels_sha256": digest.hexdigest(),
        "painted_frames": list(labels.frames),
        "contrast_free_frames": list(layers.contrast_free),
    }
