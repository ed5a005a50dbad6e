"""Provide `motionseg synth`, which writes synthetic loops."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import print_result, run_job
from napari_motionseg.cli.options import AsJson, Seed
from napari_motionseg.cli.targets import Overwrite
from napari_motionseg.jobs import Job, Progress

if TYPE_CHECKING:
    from napari_motionseg.synthesis import SynthesisConfig


def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
    cines: Annotated[int, typer.Option(min=1, help="Number of loops.")] = 1,
    frames: Annotated[int, typer.Option(help="Number of frames of each loop.")] = 24,
    size: Annotated[int, typer.Option(help="Number of rows and columns.")] = 512,
    anatomy: Annotated[
        str,
        typer.Option(
            help="Vessels: coronary, cerebral, renal, leg or iliac (named segments in "
            "usual projections), or generic (what loops of version 0.1 show)."
        ),
    ] = "coronary",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make synthetic angiograms: XA DICOM files with their truth.

    The truth is a label file (labels, labelled) that also holds the exact flow from
    each frame to the next (flow). Loops of other seeds or sizes in the folder are kept:
    a short hash is added to names that are taken.
    """
    from napari_motionseg.synthesis import SynthesisConfig

    # an unknown name is refused by the configuration
    config = SynthesisConfig.of_anatomy(anatomy, size=size, frames=frames)
    job = synth_job(out, config, cines, seed, overwrite=overwrite)
    for row in run_job(job, "Synthetic loops"):
        print_result(row, f"{row['cine']}  truth: {row['truth']}", as_json)


def synth_job(
    out: Path,
    config: SynthesisConfig,
    cines: int,
    seed: int,
    *,
    overwrite: bool = False,
) -> Job[list[dict[str, Any]]]:
    """Write loops and their truth; loop n has the seed `seed` + n.

    Parameters
    ----------
    out
        Path of the folder to write to.
    config
        Settings of the synthesis.
    cines
        Number of loops.
    seed
        Seed of the first loop.
    overwrite
        Whether to replace own files that were changed; see `OutputFolder`.

    Yields
    ------
    Progress
        After each loop.

    Raises
    ------
    WriteError
        If the folder cannot be written.
    """
    from napari_motionseg.io.dicom_writer import write_xa
    from napari_motionseg.io.output_folder import OutputFolder, Source
    from napari_motionseg.synthesis import synthesize_cine

    folder = OutputFolder(out, overwrite=overwrite)
    rows = []
    yield Progress(0, cines)
    for number in range(cines):
        synthetic = synthesize_cine(config, seed=seed + number)
        settings = json.dumps(asdict(config), sort_keys=True, default=str)
        digest = hashlib.sha256(f"{seed + number} {settings}".encode()).hexdigest()
        source = Source("synthesis", f"seed {seed + number}", digest)
        stem = f"cine_{number:03d}"
        with folder.writing(source, [(stem, ".dcm"), (stem, "_truth.npz")]) as draft:
            cine, truth = draft.temporary
            write_xa(cine, synthetic.cine, extra=_body_part(config))
            write_truth(truth, synthetic)
        cine, truth = draft.final
        rows.append({"cine": str(cine), "truth": str(truth), "seed": seed + number})
        yield Progress(number + 1, cines)
    return rows


def _body_part(config: SynthesisConfig) -> dict[str, str]:
    """Return the DICOM attribute that says which part of the body loops show."""
    from napari_motionseg.synthesis.territories import territory_of

    territory = territory_of(config)
    part = territory.body_part if territory else ""
    return {"BodyPartExamined": part} if part else {}


def write_truth(path: Path, synthetic: Any) -> None:
    """Write the masks as a label file, with the exact flow between neighbours.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    import numpy as np

    from napari_motionseg.io.atomic import replacing

    count = len(synthetic.cine)
    flow = [synthetic.flow(t, t + 1).astype(np.float16) for t in range(count - 1)]
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            labels=synthetic.masks.astype(np.uint8),
            labelled=np.ones(count, bool),
            flow=np.asarray(flow, np.float16).reshape(-1, 2, *synthetic.cine.shape[1:]),
        )
