"""DICOM Segmentations: whether others accept them, and what they cost.

Needs highdicom, and dciodvfy and DCMTK from PATH or from the folder that
``MOTIONSEG_DICOM_TOOLS`` names. With ``MOTIONSEG_DATA``, real loops are checked too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import highdicom
import numpy as np
from machine import here_and_now
from pydicom import dcmread
from pydicom.uid import EnhancedXAImageStorage, XRayRadiofluoroscopicImageStorage

from napari_motionseg.cine import Cine
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_seg_reader import read_segmentation
from napari_motionseg.io.dicom_seg_writer import (
    Algorithm,
    SegmentationSettings,
    write_segmentation,
)
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.secondary_capture import write_capture
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine

SOURCES = {
    "XA": {},
    "enhanced XA": {"SOPClassUID": EnhancedXAImageStorage},
    "RF": {"SOPClassUID": XRayRadiofluoroscopicImageStorage, "Modality": "RF"},
}
KINDS = ("BINARY", "LABELMAP", "FRACTIONAL")
ROOT = os.environ.get("MOTIONSEG_DICOM_TOOLS", "")
FRAMES, SIDE = 96, 512
ODD = (7, 61, 83)
REPEATS = 5


def main() -> None:
    """Check and measure, and write ``results/dicom_seg.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {
            **here_and_now(),
            "tools": tools(),
            "accepted": accepted(Path(folder)),
            "captures": captures(Path(folder)),
            "real": real(Path(folder)),
            "cost": cost(Path(folder)),
        }
    (given.out / "dicom_seg.json").write_text(json.dumps(found, indent=1) + "\n")


def tools() -> dict[str, str]:
    """Return versions of what checks the objects."""
    dcmtk = run("dcmdump", "--version")[1].split()
    clunie = run("dciodvfy", "-version")[1].split()
    return {
        "highdicom": version("highdicom"),
        "dcmtk": next(word for word in dcmtk if word.startswith("v")),
        "dicom3tools": next(word for word in clunie if "snapshot" in word),
    }


def run(name: str, *words: object) -> tuple[int, str]:
    """Return exit code and output of a tool."""
    path = shutil.which(name) or shutil.which(name, path=f"{ROOT}/usr/bin")
    if path is None:
        raise SystemExit(f"{name} is not installed; see the head of this file")
    environment = dict(os.environ)
    if path.startswith(ROOT) and ROOT:
        libraries = Path(ROOT, "usr/lib").glob("*-linux-gnu*")
        environment["LD_LIBRARY_PATH"] = ":".join(map(str, libraries))
        for dictionary in Path(ROOT, "usr/share").glob("*dcmtk*/dicom.dic"):
            environment["DCMDICTPATH"] = str(dictionary)
    ended = subprocess.run(
        [path, *map(str, words)], env=environment, capture_output=True, check=False
    )
    return ended.returncode, (ended.stdout + ended.stderr).decode(errors="replace")


def accepted(folder: Path) -> list[dict]:
    """Check every type of every source, of odd size and with gaps."""
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, ODD).astype(np.uint8)
    masks = generator.integers(0, 3, ODD).astype(np.uint8)
    labelled = np.arange(ODD[0]) % 3 != 1
    masks[~labelled] = 0
    rows = []
    for source, extra in SOURCES.items():
        path = folder / f"{source}.dcm"
        times = np.arange(ODD[0]) * 40.0
        write_xa(path, Cine.from_array(pixels, frame_times=times), extra=extra)
        cine = read_cine(path)
        for kind in KINDS:
            for compressed in (False, True):
                out = folder / "seg.dcm"
                settings = SegmentationSettings(
                    kind, compressed, algorithm=Algorithm("AUTOMATIC", "m", "0" * 64)
                )
                write_segmentation(
                    out, cine, masks, labelled=labelled, settings=settings
                )
                row = {"source": source, "type": kind, "compressed": compressed}
                rows.append(row | checks(out, path, cine, masks, kind))
    return rows


def checks(out: Path, source: Path, cine: Cine, masks: np.ndarray, kind: str) -> dict:
    """Return what each reader says of a segmentation."""
    uncompressed = plain(out)
    complaints = run("dciodvfy", uncompressed)[1].splitlines()
    return {
        "highdicom": bool(np.array_equal(by_highdicom(out, source, cine, kind), masks)),
        "read back": bool(np.array_equal(read_segmentation(out, cine).labels, masks)),
        "errors": sum("Error" in line for line in complaints),
        "warnings": sorted({line for line in complaints if "Warning" in line}),
        "dcmdump": run("dcmdump", out)[0] == 0,
        "dcm2json": run("dcm2json", uncompressed)[0] == 0,
    }


def plain(path: Path) -> Path:
    """Return the same object not compressed, by DCMTK."""
    out = path.with_name("plain.dcm")
    tool = "dcmdrle" if "RLE" in dcmread(path).file_meta.TransferSyntaxUID.name else ""
    words = (tool, path, out) if tool else ("dcmconv", "+te", path, out)
    code, said = run(*words)
    if code:
        raise SystemExit(said)
    return out


def by_highdicom(out: Path, source: Path, cine: Cine, kind: str) -> np.ndarray:
    """Return the masks as highdicom reads them for the frames of the source."""
    seg = highdicom.seg.segread(out)
    uid = dcmread(source, stop_before_pixels=True).SOPInstanceUID
    found = seg.get_pixels_by_source_frame(
        uid, list(range(1, len(cine) + 1)), combine_segments=kind != "FRACTIONAL",
        assert_missing_frames_are_empty=True, skip_overlap_checks=True,
    )  # fmt: skip
    if kind == "FRACTIONAL":
        return sum(found[..., k] * (k + 1) for k in range(found.shape[-1]))
    return found


def captures(folder: Path) -> list[dict]:
    """Check captures of every source."""
    rows = []
    for source in SOURCES:
        cine = read_cine(folder / f"{source}.dcm")
        pictures = np.repeat(cine.frames[:][..., None], 3, axis=-1)
        out = folder / "capture.dcm"
        write_capture(out, cine, pictures)
        complaints = run("dciodvfy", out)[1].splitlines()
        rows.append({
            "source": source,
            "errors": sum("Error" in line for line in complaints),
            "warnings": sorted({x for x in complaints if "Warning" in x}),
            "dcmdump": run("dcmdump", out)[0] == 0,
        })  # fmt: skip
    return rows


def real(folder: Path) -> dict:
    """Check segmentations of real loops: their masks, and a margin as class 2."""
    data = os.environ.get("MOTIONSEG_DATA")
    counts = {"loops": 0, "highdicom": 0, "read back": 0, "errors": 0}
    found = sorted(Path(data).glob("*_mask.npz")) if data else []
    for path in found:
        loop = path.with_name(path.name.replace("_mask.npz", ".dcm"))
        if not loop.exists():
            continue
        cine = read_cine(loop)
        with np.load(path) as stored:
            masks = stored["mask"].astype(np.uint8)
        if masks.shape != cine.shape:
            continue
        masks[(masks == 0) & (np.roll(masks, 2, axis=1) == 1)] = 2
        out = folder / "real.dcm"
        write_segmentation(out, cine, masks)
        row = checks(out, loop, cine, masks, "BINARY")
        counts["loops"] += 1
        counts["highdicom"] += row["highdicom"]
        counts["read back"] += row["read back"]
        counts["errors"] += row["errors"]
    return counts


def cost(folder: Path) -> list[dict]:
    """Time and size of 96 frames of 512 x 512 with two segments of vessels."""
    config = SynthesisConfig(size=SIDE, frames=8)
    synthetic = synthesize_cine(config, seed=3)
    few = synthetic.masks.astype(np.uint8)
    few[..., SIDE // 2 :] *= 2
    masks = np.concatenate([np.roll(few, 3 * n, axis=2) for n in range(FRAMES // 8)])
    path = folder / "large.dcm"
    pixels = np.zeros(masks.shape, np.uint8)
    write_xa(path, Cine.from_array(pixels, frame_times=np.arange(FRAMES) * 66.0))
    cine = read_cine(path)
    rows = []
    for kind in KINDS:
        for compressed in (False, True):
            out, seconds, reading = folder / "large_seg.dcm", [], []
            settings = SegmentationSettings(kind, compressed)
            for _ in range(REPEATS):
                started = clocks()
                write_segmentation(out, cine, masks, settings=settings)
                seconds.append(clocks() - started)
                started = clocks()
                found = read_segmentation(out, cine)
                reading.append(clocks() - started)
            if not np.array_equal(found.labels, masks):
                raise SystemExit(f"{kind}: what was written is not what was read")
            rows.append({
                "type": kind, "compressed": compressed,
                "bytes": out.stat().st_size,
                "write_s": medians(seconds), "read_s": medians(reading),
            })  # fmt: skip
    return rows


def clocks() -> np.ndarray:
    """Return the clock on the wall, and the seconds that this process has worked."""
    return np.array([time.perf_counter(), time.process_time()])


def medians(seconds: list[np.ndarray]) -> list[float]:
    """Return medians of both clocks, rounded."""
    return np.median(seconds, axis=0).round(2).tolist()


if __name__ == "__main__":
    main()
