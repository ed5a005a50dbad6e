"""Train everything twice from one seed and compare the results bit by bit.

    python scripts/check_determinism.py --out benchmarks/results/determinism.json

Each run is a process of its own, with hash seeds and memory addresses of its own, and a
spinning process beside it, so that threads and workers finish in another order each
time. Runs with the same number of threads must agree in every weight and every mask.
Runs with different numbers of threads are not compared: sums in another order round
otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
SEED = 3
SPIN = "while True: pass"


def digest(path: Path) -> str:
    """Return a hash of the arrays in a result; not of the times that cards hold."""
    found = hashlib.sha256()
    for name, values in sorted(arrays(path).items()):
        found.update(f"{name} {values.dtype} {values.shape} ".encode())
        found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()[:16]


def arrays(path: Path) -> Mapping[str, Any]:
    """Return the arrays of a checkpoint, of masks or of a flow, by name."""
    if path.suffix == ".safetensors":
        from safetensors.numpy import load_file

        return load_file(path)
    if path.suffix == ".zarr":
        import zarr

        return {name: values[:] for name, values in zarr.open_group(path).arrays()}
    return dict(np.load(path))


def demo(folder: Path, size: Mapping[str, int]) -> list[Path]:
    """Run the demo: flow, pretraining, fine-tuning and masks."""
    from napari_motionseg.demo import DemoSettings, demo_job
    from napari_motionseg.jobs import run

    keys = ("size", "frames", "pretrain_steps", "finetune_steps", "width")
    settings = DemoSettings(**{key: size[key] for key in keys}, device="cpu", seed=SEED)
    files = run(demo_job(settings, folder)).files
    names = ("truth", "flow", "embedding", "vessel", "masks")
    return [files[name] for name in names]


def pretrain(folder: Path, size: Mapping[str, int]) -> list[Path]:
    """Pretrain with processes that decode frames ahead."""
    from napari_motionseg.io import read_cine
    from napari_motionseg.io.dicom_writer import write_xa
    from napari_motionseg.models import UNetConfig
    from napari_motionseg.training import PretrainSettings, TrainingSettings
    from napari_motionseg.training.pretrain import pretrain as train

    paths = [folder / f"{number}.dcm" for number in range(2)]
    for number, path in enumerate(paths):
        write_xa(path, loop(size, number).cine)
    settings = PretrainSettings(
        steps=size["pretrain_steps"], crop=64, workers=2,
        network=UNetConfig(width=size["width"], flat_field=True),
        training=TrainingSettings(
            steps=1, device="cpu", seed=SEED, preview_every=3
        ),
    )  # fmt: skip
    cines = [read_cine(path) for path in paths]
    return [train(cines, settings, out=folder / "embedding.safetensors")]


def finetune(folder: Path, size: Mapping[str, int]) -> list[Path]:
    """Fine-tune what ships on one frame, with labels carried along the flow."""
    from napari_motionseg.io import Labels, write_masks
    from napari_motionseg.segmentation import FinetuneSettings, segment
    from napari_motionseg.segmentation.finetune import finetune as train
    from napari_motionseg.segmentation.flow_propagation import CarrySettings

    made = loop(size, 0)
    labels = made.masks.astype(np.uint8)
    known = Labels(labels, np.arange(len(labels)) == len(labels) // 2)
    how = FinetuneSettings.tuned().with_steps(size["finetune_steps"])
    how = replaced(how, seed=SEED, device="cpu", preview_every=3)
    how = replaced_settings(how, carry=CarrySettings(), crop=64)
    out = folder / "vessel.safetensors"
    train([(made.cine, known)], how, start="default", out=out)
    write_masks(folder / "masks.npz", segment(made.cine, out, device="cpu").masks)
    return [out, folder / "masks.npz"]


def train_masks(folder: Path, size: Mapping[str, int]) -> list[Path]:
    """Train a network of masks on synthetic angiograms."""
    from napari_motionseg.models import UNetConfig
    from napari_motionseg.training import TrainingSettings
    from napari_motionseg.training.masks.job import train_masks as train
    from napari_motionseg.training.masks.settings import MaskTrainingSettings

    settings = MaskTrainingSettings(
        batch=2, crop=64, still_size=128, pool_size=4, block=2, held_out=2,
        refresh_every=4, network=UNetConfig(width=size["width"], octaves=2),
        training=TrainingSettings(
            steps=size["pretrain_steps"], device="cpu", seed=SEED, preview_every=3
        ),
    )  # fmt: skip
    return [train(settings, out=folder / "masks.safetensors")]


TRAININGS: dict[str, Callable[[Path, Mapping[str, int]], list[Path]]] = {
    "demo": demo,
    "pretrain": pretrain,
    "finetune": finetune,
    "train-masks": train_masks,
}
SIZES = {
    "tiny": {
        "size": 64, "frames": 4, "pretrain_steps": 2, "finetune_steps": 2, "width": 2,
    },
    "short": {
        "size": 96, "frames": 6, "pretrain_steps": 4, "finetune_steps": 4, "width": 4,
    },
    "long": {
        "size": 128, "frames": 10, "pretrain_steps": 30, "finetune_steps": 60,
        "width": 16,
    },
    "default": {
        "size": 256, "frames": 20, "pretrain_steps": 120, "finetune_steps": 300,
        "width": 16,
    },
}  # fmt: skip


def loop(size: Mapping[str, int], number: int) -> Any:
    """Return a synthetic loop of a size, with its masks."""
    from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine

    config = SynthesisConfig(size=size["size"], frames=size["frames"])
    return synthesize_cine(config, seed=SEED + number)


def replaced(settings: Any, **training: Any) -> Any:
    """Return settings with other settings of training."""
    import dataclasses

    inner = dataclasses.replace(settings.training, **training)
    return dataclasses.replace(settings, training=inner)


def replaced_settings(settings: Any, **others: Any) -> Any:
    """Return settings with other values."""
    import dataclasses

    return dataclasses.replace(settings, **others)


def child(name: str, folder: Path, size: str) -> None:
    """Run one training and print the hashes of its results."""
    import torch

    # MKL may lower the number that the environment gives: once in some hundred
    # starts on a busy machine a process asked for two had one
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    folder.mkdir(parents=True)
    paths = TRAININGS[name](folder, SIZES[size])
    found = {path.name: digest(path) for path in paths}
    print(json.dumps({"threads": torch.get_num_threads(), "hashes": found}))


@contextmanager
def load(processes: int) -> Iterator[None]:
    """Keep processor cores busy meanwhile."""
    words = [sys.executable, "-c", SPIN]
    spinning = [subprocess.Popen(words) for _ in range(processes)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def one_run(name: str, folder: Path, size: str, threads: int) -> dict[str, str]:
    """Train in a fresh process and return the hash of each result."""
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "MOTIONSEG_CACHE": "off",
    }
    environment.pop("PYTHONHASHSEED", None)  # drawn anew by each process
    words = [sys.executable, __file__, "--child", name, "--folder", str(folder)]
    ended = subprocess.run(
        [*words, "--size", size],
        env=environment, cwd=HERE.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode:
        raise SystemExit(f"{name} failed:\n{ended.stderr[-3000:]}")
    found = json.loads(ended.stdout.splitlines()[-1])
    if found["threads"] != threads:
        raise SystemExit(f"{name} ran with {found['threads']} threads, not {threads}")
    return found["hashes"]


def compare(
    name: str, size: str, threads: int, repeats: int, folder: Path
) -> dict[str, Any]:
    """Train several times and say which results differ."""
    runs = []
    for number in range(repeats):
        with load(1 if number % 2 else 0):  # alone, then beside another program
            where = folder / f"{name}-{threads}-{number}"
            runs.append(one_run(name, where, size, threads))
    differing = [key for key in runs[0] if len({run[key] for run in runs}) > 1]
    return {
        "training": name, "threads": threads, "runs": repeats, "size": size,
        "results": len(runs[0]), "differing": differing, "hashes": runs,
    }  # fmt: skip


def main() -> int:
    """Compare all that was asked for; return 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=TRAININGS, default=[*TRAININGS])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--size", choices=SIZES, default="long")
    parser.add_argument("--out", type=Path, help="JSON file for the report")
    parser.add_argument("--child", choices=TRAININGS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child, asked.folder, asked.size)
        return 0
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.only:
            for threads in asked.threads:
                row = compare(name, asked.size, threads, asked.repeats, Path(folder))
                rows.append(row)
                verdict = ", ".join(row["differing"]) or "nothing"
                print(f"{name}, {threads} threads: {verdict} differs", flush=True)
    if asked.out:
        asked.out.write_text(json.dumps(described(rows), indent=1) + "\n")
    return int(any(row["differing"] for row in rows))


def described(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the report with the machine and the day it was made on."""
    sys.path.insert(0, str(HERE.parent / "benchmarks"))
    from machine import here_and_now

    return {**here_and_now(), "rows": rows}


if __name__ == "__main__":
    sys.exit(main())
