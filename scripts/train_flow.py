"""Train the PWC-Net that ships, on synthetic angiograms; resumable to the step.

Two stages: small windows for most of what there is to learn, then windows of all sizes
up to the pictures', because the coarsest levels must have seen more than few pixels::

    python scripts/train_flow.py --steps 4000 --out runs/small.safetensors --resume
    python scripts/train_flow.py --steps 1200 --rate 2e-4 --batch 9 --largest-crop 448 \
        --start runs/small.safetensors --out runs/pwcnet-xa.safetensors --resume

On a GPU one stage will do: ``--device cuda --crop 256 --largest-crop 512 --batch 16``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from napari_motionseg.jobs import run
from napari_motionseg.training import TrainingSettings
from napari_motionseg.training.flow import train_flow_job
from napari_motionseg.training.flow_settings import FlowTrainingSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--largest-crop", type=int)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--pool", type=int, default=256)
    parser.add_argument("--refresh-every", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--penalty", choices=["l2", "robust"], default="l2")
    parser.add_argument("--start", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/pwcnet-xa.safetensors"))
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    settings = FlowTrainingSettings(
        batch=options.batch,
        crop=options.crop,
        largest_crop=options.largest_crop,
        pair_size=max(384, (options.largest_crop or options.crop) + 64),
        pool_size=options.pool,
        refresh_every=options.refresh_every,
        penalty=options.penalty,
        in_channels=1,
        training=TrainingSettings(
            steps=options.steps,
            learning_rate=options.rate,
            schedule="one-cycle",
            weight_decay=1e-4,
            clip_norm=30.0,
            device=options.device,
            seed=options.seed,
            checkpoint_every=50,
        ),
    )
    last = time.perf_counter()

    def tell(progress) -> None:
        nonlocal last
        if time.perf_counter() - last > 20:
            last = time.perf_counter()
            print(progress.step, progress.total, progress.message, progress.metrics)

    job = train_flow_job(
        settings, out=options.out, resume=options.resume, start=options.start
    )
    run(job, tell)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
