"""Make the samples that *File > Open Sample* shows: synthetic loops and their vessels.

    python scripts/make_samples.py

Synthesis takes six seconds on a quiet computer and more than a minute on a busy one,
too long for the thread of a window. So samples are made once, kept in the package as
JPEG-compressed DICOM files of half a megabyte each, and read as any other loop.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from napari_motionseg.cine import Cine
from napari_motionseg.contributions import SAMPLES
from napari_motionseg.io import write_masks
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine

QUALITY = 90  # of JPEG
# seed and configuration, by the name of the file
LOOPS = {
    "synthetic-angiogram": (14, SynthesisConfig(anatomy="coronary")),
    "faint-angiogram": (
        8,
        SynthesisConfig(
            anatomy="coronary", opacity=(0.3, 0.4), noise=1.5, catheter=1.0
        ),
    ),
}


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    SAMPLES.mkdir(exist_ok=True)
    for name, (seed, config) in LOOPS.items():
        synthetic = synthesize_cine(config, seed=seed)
        loop, vessels = (SAMPLES / f"{name}{suffix}" for suffix in (".dcm", ".npz"))
        write_compressed(loop, synthetic.cine)
        vessels.unlink(missing_ok=True)
        write_masks(vessels, synthetic.masks.astype(np.uint8))
        for path in (loop, vessels):
            print(f"{path}: {path.stat().st_size / 2**20:.2f} MiB")


def write_compressed(path: Path, cine: Cine) -> None:
    """Write a loop of 8 bits as XA DICOM with JPEG Baseline frames."""
    path.unlink(missing_ok=True)
    write_xa(path, cine)
    data = dcmread(path)
    frames = [np.asarray(frame) for frame in cine.frames]
    streams = [bytes(imagecodecs.jpeg8_encode(f, level=QUALITY)) for f in frames]
    data.PixelData = encapsulate(streams)
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data.LossyImageCompression = "01"
    data.LossyImageCompressionMethod = "ISO_10918_1"
    stored = sum(map(len, streams))
    data.LossyImageCompressionRatio = f"{sum(f.nbytes for f in frames) / stored:.2f}"
    data.save_as(path, enforce_file_format=True)


if __name__ == "__main__":
    main()
