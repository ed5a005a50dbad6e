"""Run every step once on a small loop: synthesis, DICOM, flow, embedding, masks."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.doctor.findings import Finding
from napari_motionseg.embedding import embed_frame
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.models.mask_overlap import dice
from napari_motionseg.motion import estimate_flow
from napari_motionseg.segmentation import segment
from napari_motionseg.segmentation.predict import load_segmentation
from napari_motionseg.synthesis import SynthesisConfig, SyntheticCine, synthesize_cine

SEED = 2
NETWORK = "vessels-xa"  # what ships, whatever the user prefers
# wide vessels, filled throughout, and little noise: what the weights must see
CONFIG = SynthesisConfig(
    size=256, frames=2, tree="left", generations=2, stenoses=0.0, bolus=False,
    opacity=(0.7, 0.9), vessel_size=(1.4, 1.5), noise=0.2, catheter=0.0,
    second_tree=0.0,
)  # fmt: skip
SHIFT = (2, -3)  # rows and columns by which a frame is moved for the flow
MARGIN = 16  # px at the border, where the shift brings in the other side
# Both are far from what the weights that ship reach (0.12 px and 0.70), and far from
# what damaged weights or a torch that computes wrongly do
MOST_FLOW_ERROR = 0.5  # px
LEAST_DICE = 0.4
REPORT = "report this with the whole output of motionseg doctor"


class SelfTest:
    """Steps on one synthetic loop; each returns a few words on what it found.

    Parameters
    ----------
    folder
        Path of a folder for temporary files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: SyntheticCine
        self._cine: Cine

    def steps(self) -> dict[str, Callable[[], str]]:
        """Return the steps in their order; a later one needs those before it."""
        return {
            "synthesis": self.synthesize,
            "dicom": self.write_and_read,
            "flow": self.estimate,
            "embedding": self.embed,
            "masks": self.segment,
        }

    def synthesize(self) -> str:
        """Make a loop whose vessels and motion are known."""
        self._made = synthesize_cine(CONFIG, seed=SEED)
        self._cine = self._made.cine
        if not self._made.masks.any():
            raise ArithmeticError("the synthetic loop has no vessel")
        return " x ".join(str(side) for side in self._cine.shape)

    def write_and_read(self) -> str:
        """Write the loop as DICOM and read the same pixels back."""
        path = self._folder / "loop.dcm"
        write_xa(path, self._cine)
        read = read_cine(path)
        if not np.array_equal(read.frames[:], self._made.cine.frames[:]):
            raise ArithmeticError("the pixels that were read are not those written")
        self._cine = dataclasses.replace(read, frame_times=self._made.cine.frame_times)
        return "written and read"

    def estimate(self) -> str:
        """Estimate the flow from a frame to the same frame, shifted."""
        frame = self._cine.frames[0]
        pair = np.stack([frame, np.roll(frame, SHIFT, axis=(0, 1))])
        loop = Cine.from_array(pair, bits_stored=self._cine.bits_stored)
        flow = estimate_flow(loop, gap=1).forward[0]
        inner = flow[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        down, across = SHIFT
        error = float(np.hypot(inner[0] - across, inner[1] - down).mean())
        words = f"off by {error:.2f} px"
        if not error <= MOST_FLOW_ERROR:
            raise ArithmeticError(f"{words} for a shift of {np.hypot(*SHIFT):.1f} px")
        return words

    def embed(self) -> str:
        """Compute the vectors of a frame's pixels."""
        network = load_segmentation(NETWORK)
        vectors = embed_frame(network, self._cine.normalized(0))
        if not np.isfinite(vectors).all() or float(vectors.std()) == 0:
            raise ArithmeticError("the vectors are not finite, or all the same")
        return f"{vectors.shape[0]} numbers a pixel"

    def segment(self) -> str:
        """Segment a frame and compare it with the truth."""
        result = segment(self._cine, load_segmentation(NETWORK), frames=[1])
        overlap = dice(result.masks[1].astype(bool), self._made.masks[1])
        if overlap < LEAST_DICE:
            raise ArithmeticError(f"Dice {overlap:.2f} with the truth")
        return f"Dice {overlap:.2f} with the truth"


def self_test_findings() -> Iterator[Finding]:
    """Yield one finding for each step, until one fails."""
    with tempfile.TemporaryDirectory(prefix="motionseg-doctor-") as folder:
        for name, step in SelfTest(Path(folder)).steps().items():
            began = time.monotonic()
            try:
                words = step()
            except Exception as error:  # noqa: BLE001 - whatever fails is the finding
                words = f"{type(error).__name__}: {error}"
                yield Finding(name, words, "broken", REPORT)
                return
            yield Finding(name, f"{words}, {time.monotonic() - began:.1f} s")
