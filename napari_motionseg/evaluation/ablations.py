"""Compare pretrainings that differ in one setting.

Each variant learns from the motion of the same loops, with the same network and number
of steps, and is then fine-tuned on the same few labels. The entries of `ABLATIONS` are
the questions of the papers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.io.output_folder import OutputFolder, Source
from napari_motionseg.jobs import Job, Progress, map_progress
from napari_motionseg.motion import FlowCache
from napari_motionseg.registry import unknown_name
from napari_motionseg.training import PretrainSettings, pretrain_job
from napari_motionseg.training.engine.checkpointing import state_path_of
from napari_motionseg.training.engine.run_files import require_places

SEGMENTS = 8  # number of segments of the grouping objective


@dataclass(frozen=True)
class Variant:
    """One of several pretrainings, described by its differences from the others.

    Parameters
    ----------
    objective
        Name of an objective, a key of `OBJECTIVES`.
    options
        Settings of the objective, by name.
    flow
        Name of a flow estimator, a key of `ESTIMATORS`.
    dimension
        Length of an embedding; None uses that of the base.
    """

    objective: str = "flow-consistency"
    options: Mapping[str, Any] = field(default_factory=dict)
    flow: str = "pwcnet"
    dimension: int | None = None

    def of(self, base: PretrainSettings) -> PretrainSettings:
        """Return `base` with the changes of this variant."""
        dimension = self.dimension or base.network.embedding_dim
        return dataclasses.replace(
            base,
            objective=self.objective,
            options=self.options,
            flow=dataclasses.replace(base.flow, method=self.flow),
            network=dataclasses.replace(base.network, embedding_dim=dimension),
        )


@dataclass(frozen=True)
class Ablation:
    """A question, and the variants that answer it.

    Parameters
    ----------
    question
        The question in words.
    variants
        Variants by name.
    """

    question: str
    variants: Mapping[str, Variant]

    def __post_init__(self) -> None:
        object.__setattr__(self, "variants", MappingProxyType(dict(self.variants)))


def _propagation(**options: Any) -> Variant:
    return Variant("conditional-propagation", options)


ABLATIONS: Mapping[str, Ablation] = MappingProxyType(
    {
        "objective": Ablation(
            "which objective is the best pretraining",
            {
                "flow-consistency": Variant(),
                "cross-pixel": Variant("cross-pixel"),
                "flow-classes": Variant("flow-classes"),
                "grouping": Variant(
                    "grouping", {"kind": "entropy"}, dimension=SEGMENTS
                ),
                "conditional-propagation": _propagation(),
                "moving-apart": Variant("moving-apart"),
            },
        ),
        "flow": Ablation(
            "whether better flow gives a better start (Ma et al., figure 7)",
            {
                method: Variant(flow=method)
                for method in ("ilk", "tvl1", "dis", "pwcnet")
            },
        ),
        "kernel": Ablation(
            "how pixels are compared",
            {
                "shifted-cosine": Variant(),
                "softmax": Variant(options={"kernel": "softmax"}),
                "cross-entropy": Variant("cross-pixel"),
                "alignment": Variant("cross-pixel", {"criterion": "alignment"}),
            },
        ),
        "neighbourhood": Ablation(
            "how large the neighbourhood should be",
            {
                "3": Variant(options={"neighborhood": 3}),
                "5": Variant(),
                "9": Variant(options={"neighborhood": 9}),
                "5, 4 px apart": Variant(options={"dilation": 4}),
                "5, background removed": Variant(options={"background": "removed"}),
            },
        ),
        "guidance": Ablation(
            "how many guidance vectors to give (Zhan et al., figure 4)",
            {
                "K 15, G 80": _propagation(nms_kernel=15, grid_stride=80),
                "K 41, G 200": _propagation(nms_kernel=41, grid_stride=200),
                "K 81, G 200": _propagation(),
                "K 201, G 400": _propagation(nms_kernel=201, grid_stride=400),
            },
        ),
        "nets": Ablation(
            "which strides propagate motion (Zhan et al., figure 5)",
            {
                ", ".join(map(str, strides)): _propagation(strides=strides)
                for strides in ((1,), (1, 2), (1, 2, 4), (1, 2, 4, 8))
            },
        ),
    }
)


def variants_of(name: str) -> Mapping[str, Variant]:
    """Return the variants of one of `ABLATIONS`.

    Raises
    ------
    SettingsError
        If the name is unknown; the message offers the nearest one.
    """
    if name not in ABLATIONS:
        raise SettingsError(unknown_name("ablation", name, ABLATIONS))
    return ABLATIONS[name].variants


def variants_job(
    variants: Mapping[str, Variant],
    cines: Sequence[Cine],
    base: PretrainSettings,
    folder: str | Path,
    cache: FlowCache | None = None,
) -> Job[dict[str, Path]]:
    """Pretrain each variant; continue one that was interrupted.

    Parameters
    ----------
    variants
        Variants by name.
    cines
        Loops for the pretraining.
    base
        Settings that all variants share, except for their objective, options and flow.
    folder
        Path of the folder for the checkpoints, one for each variant.
    cache
        Cache in which flow is searched and stored; None uses none.

    Yields
    ------
    Progress
        Progress of each pretraining, with the name of the variant.

    Returns
    -------
    dict of str to Path
        Checkpoint of each variant; after `STOP`, it holds the result so far.

    Raises
    ------
    OccupiedError
        If the folder holds other files with the names of the checkpoints.
    TrainingError
        If the folder holds a variant that was begun with other loops or settings, or
        training fails; see `pretrain_job`.
    """
    found = {}
    outputs = OutputFolder(folder)
    files = {name: f"{_file_name(name)}.safetensors" for name in variants}
    for file in files.values():
        require_places(outputs.folder / file)
    names = dict.fromkeys(files.values(), "")
    outputs.claim(names, Source("evaluation", "ablation", ""))
    for name, variant in variants.items():
        out = Path(folder) / files[name]
        resume = state_path_of(out).exists()
        # flow with little to teach is one of the answers
        job = pretrain_job(
            cines, variant.of(base), out=out, resume=resume, cache=cache, anyway=True
        )
        found[name] = yield from map_progress(job, partial(_told, name=name))
        outputs.settle([files[name]])
    return found


def _file_name(name: str) -> str:
    return name.replace(", ", "-").replace(" ", "")


def _told(progress: Progress, name: str) -> Progress:
    """Return the progress of a variant's pretraining, without its previews."""
    # a message beside metrics is a note to the user, which jobs repeat only if needed
    words = progress.message if progress.metrics else f"{name}: {progress.message}"
    return dataclasses.replace(progress, message=words, preview=None)
