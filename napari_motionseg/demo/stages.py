"""Run the stages of the demo, each as a job with progress; `demo_job` runs all."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from napari_motionseg.cine import Cine
from napari_motionseg.demo.result import FILES, DemoFiles, DemoResult, headlines
from napari_motionseg.demo.settings import DemoSettings
from napari_motionseg.embedding import embed_frame, random_projection, similarity_map
from napari_motionseg.io import Labels, read_cine, write_masks
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.flow_files import FLOW, write_flow_zarr
from napari_motionseg.io.movie_writer import movie_rate, write_movie
from napari_motionseg.io.output_folder import OutputFolder, Source
from napari_motionseg.jobs import Job, Progress, map_progress
from napari_motionseg.models import UNet, UNetConfig, load_model, read_card
from napari_motionseg.models.devices import resolve_device
from napari_motionseg.models.model_card import DEFAULT
from napari_motionseg.motion import FlowSequence, FlowSettings, estimate_flow_job
from napari_motionseg.motion.estimators import ESTIMATORS
from napari_motionseg.report import (
    FromMotion,
    Report,
    overlay_frames,
    write_report,
)
from napari_motionseg.segmentation import (
    Evaluation,
    FinetuneSettings,
    evaluate,
    finetune_job,
    segment_job,
)
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine
from napari_motionseg.training import PretrainSettings, TrainingSettings, pretrain_job
from napari_motionseg.training.engine.run_files import require_places
from napari_motionseg.version import __version__

TRUTH_NOTE = (
    "The truth of a synthetic loop is known exactly. Before the contrast agent arrives "
    "there is little or no vessel to find."
)
WINDOW = 160  # px: side of the windows that are learnt from
WELL_FILLED = 0.7  # share of the largest mask from which a frame counts as filled


class Demo:
    """The stages of the demo, and the results that they pass on.

    Parameters
    ----------
    settings
        Settings of the demo.
    folder
        Path of the folder to write to. Files of an earlier demo there are replaced.
    overwrite
        Whether files of an earlier demo are replaced even if they were changed.

    Raises
    ------
    OccupiedError
        If the folder holds other files with the names of the demo.
    SettingsError
        If the device or the flow method is unknown; nothing is written then.
    """

    def __init__(
        self, settings: DemoSettings, folder: str | Path, *, overwrite: bool = False
    ) -> None:
        resolve_device(settings.device)
        ESTIMATORS.load(settings.flow_method)
        self.settings = settings
        self._outputs = OutputFolder(folder, overwrite=overwrite)
        self.files = DemoFiles(Path(folder))
        self.times: dict[str, float] = {}
        self.losses: dict[str, list[float]] = {}
        self.cine: Cine
        self.flow: FlowSequence
        self.labels: Labels
        self.truth: NDArray[np.bool_]
        self.masks: NDArray[np.uint8]
        self.evaluation: Evaluation

    def timed(self, stage: Stage) -> Job[None]:
        """Run a stage, and record its time and its losses."""
        begun = time.perf_counter()
        losses = []

        def noted(progress: Progress) -> Progress:
            if "loss" in progress.metrics:
                losses.append(progress.metrics["loss"])
            return progress

        yield from map_progress(stage.run(self), noted)
        self.times[stage.title] = time.perf_counter() - begun
        if losses:
            self.losses[stage.title] = losses

    def synthesize(self) -> Job[None]:
        """Make the loop, write it as DICOM, read it back, label one frame."""
        settings = self.settings
        self._claim()
        yield Progress(0, 3)
        config = SynthesisConfig(
            size=settings.size, frames=settings.frames, anatomy="coronary"
        )
        made = synthesize_cine(config, seed=settings.seed)
        yield Progress(1, 3)
        write_xa(self.files["cine"], made.cine)
        self.truth = made.masks
        write_masks(self.files["truth"], made.masks.astype(np.uint8))
        yield Progress(2, 3)
        self.cine = read_cine(self.files["cine"])
        filled = made.masks.sum(axis=(1, 2))
        self.labels = Labels(
            made.masks.astype(np.uint8), np.arange(len(filled)) == filled.argmax()
        )
        write_masks(
            self.files["labels"], self.labels.labels, labelled=self.labels.labelled
        )
        yield Progress(3, 3)

    def estimate_flow(self) -> Job[None]:
        """Estimate the loop's flow and write it."""
        how = FlowSettings(
            method=self.settings.flow_method, device=self.settings.device
        )
        self.flow = yield from estimate_flow_job(self.cine, how)
        write_flow_zarr(
            self.files["flow"],
            self.flow.forward,
            self.flow.backward,
            gap=self.flow.gap,
            attributes={"method": self.flow.method},
        )

    def pretrain(self) -> Job[None]:
        """Learn an embedding from the flow, without labels."""
        settings = self.settings
        how = PretrainSettings(
            objective="flow-regression",
            steps=settings.pretrain_steps,
            crop=min(WINDOW, settings.size),
            network=UNetConfig(
                width=settings.width, flat_field=True, enlarging="bilinear"
            ),
            flow=FlowSettings(method=settings.flow_method, device=settings.device),
            training=self._training(settings.pretrain_steps),
        )
        yield from pretrain_job([self.cine], how, out=self.files["embedding"])

    def finetune(self) -> Job[None]:
        """Fine-tune the network that ships on the one labelled frame."""
        quick = FinetuneSettings.quick()
        training = dataclasses.replace(
            quick.training, device=self.settings.device, seed=self.settings.seed
        )
        how = dataclasses.replace(quick, training=training)
        if self.settings.finetune_steps is not None:
            how = how.with_steps(self.settings.finetune_steps)
        yield from finetune_job(
            [(self.cine, self.labels)], how, start=DEFAULT, out=self.files["vessel"]
        )

    def segment(self) -> Job[None]:
        """Segment every frame."""
        found = yield from segment_job(
            self.cine,
            self.files["vessel"],
            device=self.settings.device,
            labels=self.labels,
        )
        self.masks = found.masks
        write_masks(self.files["masks"], self.masks, frame_times=self.cine.frame_times)

    def report(self) -> Job[None]:
        """Compare with the truth; write movie and report."""
        yield Progress(0, 3)
        self.evaluation = evaluate(
            self.masks,
            self.truth,
            valid=~self.labels.labelled,
            spacing=self.cine.pixel_spacing,
        )
        yield Progress(1, 3)
        rate = movie_rate(self.cine.frame_rate)
        write_movie(self.files["movie"], overlay_frames(self.cine, self.masks), rate)
        yield Progress(2, 3)
        write_report(self.files["report"], self._contents())
        self._outputs.settle(FILES.values())
        yield Progress(3, 3)

    def result(self) -> DemoResult:
        """Return the results after the last stage."""
        filled = np.asarray(self.truth[self.evaluation.frames].any(axis=(1, 2)))
        labelled = self.labels.frames[0]
        return DemoResult(
            self.files, self.evaluation, filled, labelled, dict(self.times)
        )

    def _claim(self) -> None:
        """Raise an error if the folder holds other files with these names."""
        for name in ("embedding", "vessel"):
            require_places(self.files[name])
        names = {file: FLOW if name == "flow" else "" for name, file in FILES.items()}
        self._outputs.claim(names, Source("synthesis", "demo", ""))

    def _training(self, steps: int) -> TrainingSettings:
        return TrainingSettings(
            steps=steps,
            schedule="cosine",
            device=self.settings.device,
            seed=self.settings.seed,
        )

    def _contents(self) -> Report:
        labelled = self.labels.frames[0]
        network, _ = load_model(self.files["embedding"], kind="embedding")
        embedding = embed_frame(
            cast("UNet", network),
            self.cine.normalized(labelled),
            device=self.settings.device,
        )
        anchor = thickest_point(self.truth[labelled])
        start = liveliest_frame(self.flow.forward, self.truth)
        return Report(
            title="napari-motionseg demo",
            cine=self.cine,
            masks=self.masks,
            labelled=self.labels.frames,
            from_motion=FromMotion(
                frame=labelled,
                flow=self.flow.forward[start],
                flow_frame=start,
                gap=self.flow.gap,
                projection=random_projection(embedding, self.settings.seed),
                similarity=similarity_map(embedding, anchor),
                anchor=anchor,
            ),
            truth=self.truth,
            truth_note=TRUTH_NOTE,
            evaluation=self.evaluation,
            losses=self.losses,
            times=self.times,
            headlines=headlines(self.result()),
            provenance=self._provenance(),
            cards={
                FILES[name]: dataclasses.asdict(read_card(self.files[name]))
                for name in ("embedding", "vessel")
            },
            movie=self.files["movie"],
        )

    def _provenance(self) -> dict[str, str]:
        settings = dataclasses.asdict(self.settings)
        return {
            "napari-motionseg": __version__,
            "torch": torch.__version__,
            **{
                name.replace("_", " "): str(value)
                for name, value in settings.items()
                if value is not None
            },
        }


def thickest_point(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Return row and column of the pixel of a mask that is farthest from its edge."""
    depth = distance_transform_edt(mask)
    row, column = np.unravel_index(int(depth.argmax()), mask.shape)
    return int(row), int(column)


def liveliest_frame(flow: NDArray[np.floating], masks: NDArray[np.bool_]) -> int:
    """Return the frame with the largest motion of vessels, among well filled frames.

    Parameters
    ----------
    flow
        Flow ``(T - gap, 2, H, W)`` in px.
    masks
        Vessel masks ``(T, H, W)``.
    """
    masks = masks[: len(flow)]
    areas = masks.sum(axis=(1, 2))
    lengths = np.linalg.norm(flow, axis=1)
    moving = (lengths * masks).sum(axis=(1, 2)) / np.maximum(areas, 1)
    return int(np.where(areas >= WELL_FILLED * areas.max(), moving, -1).argmax())


@dataclass(frozen=True)
class Stage:
    """A stage of the demo with its own progress bar."""

    title: str
    run: Callable[[Demo], Job[None]]


STAGES = (
    Stage("Making a loop", Demo.synthesize),
    Stage("Optical flow", Demo.estimate_flow),
    Stage("Pretraining", Demo.pretrain),
    Stage("Fine-tuning", Demo.finetune),
    Stage("Segmenting", Demo.segment),
    Stage("Report", Demo.report),
)


def demo_job(settings: DemoSettings, folder: str | Path) -> Job[DemoResult]:
    """Run every stage of the demo.

    Yields
    ------
    Progress
        Progress of the running stage, whose message names the stage.

    Returns
    -------
    DemoResult
        Files, metrics and times.

    Raises
    ------
    MotionSegError
        If a stage fails.
    """
    demo = Demo(settings, folder)
    for stage in STAGES:
        yield from demo.timed(stage)
    return demo.result()
