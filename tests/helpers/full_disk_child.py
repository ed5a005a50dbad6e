"""Run every writer on a disk that is full, and say what each did; see the test.

Called with a folder, and ``limit`` where files of this process must not grow beyond
some bytes. Prints a line of JSON: by writer, the error's type and words.
"""

import dataclasses
import json
import resource
import signal
import sys
from pathlib import Path

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionSegError
from napari_motionseg.io import write_masks
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.flow_files import write_flo, write_flow_zarr, write_kitti
from napari_motionseg.io.movie_writer import write_movie
from napari_motionseg.io.output_folder import OutputFolder, Source
from napari_motionseg.models import ModelCard, UNet, UNetConfig, save_model
from napari_motionseg.training.engine.checkpointing import TrainingState, write_state

LIMIT_BYTES = 3000
NOISE = np.random.default_rng(0).integers(0, 60000, (6, 128, 128)).astype(np.uint16)
SMALL = np.zeros((1, 8, 8), np.uint16)
CONFIG = UNetConfig(width=2, depth=2, embedding_dim=4)


def _flow(pixels):
    return np.repeat(pixels[:, None] / 1000, 2, axis=1).astype(np.float32)


def _collected(path, pixels):
    with OutputFolder(path.parent).writing(
        Source("p", "n", ""), [(path.stem, path.suffix)]
    ) as draft:
        write_masks(draft.temporary[0], pixels)


def _movie(path, pixels):
    write_movie(path, np.repeat((pixels // 256).astype(np.uint8)[..., None], 3, -1), 10)


def _model(path, pixels):
    config = dataclasses.replace(CONFIG, width=1 if pixels is SMALL else 16)
    card = ModelCard("embedding", "UNet", dataclasses.asdict(config), {})
    save_model(path, UNet(config), card)


def _state(path, pixels):
    write_state(
        path, TrainingState(1, {}, losses=pixels.ravel().astype(float).tolist())
    )


WRITERS = {
    "masks.npz": write_masks,
    "masks.tiff": write_masks,
    "masks.nii": write_masks,
    "masks.nii.gz": write_masks,
    "mask.png": lambda path, pixels: write_masks(path, pixels[0]),
    "series": write_masks,
    "a.mp4": _movie,
    "a.gif": _movie,
    "flow": lambda path, p: write_flow_zarr(path, _flow(p), None, gap=1, attributes={}),
    "a.flo": lambda path, p: write_flo(path, _flow(p)[0]),
    "kitti.png": lambda path, p: write_kitti(path, _flow(p)[0]),
    "a.dcm": lambda path, p: write_xa(path, Cine.from_array(p, name="x")),
    "m.safetensors": _model,
    "s.state.safetensors": _state,
    "collected.npz": _collected,
}


def main(folder, how):
    """Write small results, fill the disk, and write large ones to the same names."""
    small = {name: folder / name for name in WRITERS if name != "m.safetensors"}
    for name, path in small.items():
        WRITERS[name](path, SMALL)
    if how == "limit":
        # a write beyond is then an error, as it is on a full disk
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))
    else:
        _fill(folder / "filling")
    said = {}
    for name, write in WRITERS.items():
        try:
            write(folder / name, NOISE)
            said[name] = ["nothing", ""]
        except MotionSegError as error:
            said[name] = [type(error).__name__, str(error)]
    sys.stdout.write(json.dumps(said) + "\n")


def _fill(path):
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            file.truncate(file.tell() - 8 * 4096)  # room for names and headers


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
