"""Does the affine grouping loss find the faces of turning cubes? (S3-CNN, figure 2a)

    python benchmarks/cube_grouping.py --model /tmp/cube.safetensors

As in the paper: five sequences of 99 frames, five segments, a network that sees one
picture at a time and is taught by flow alone, here the exact one. Three sets are
measured: frames that were trained on (what the paper shows), the same cubes later, and
cubes never seen. The adjusted Rand index compares with the true faces: of the picture,
and of the cube's pixels alone, where telling cube from wall earns nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from machine import here_and_now
from scipy.cluster.vq import kmeans2
from skimage.metrics import contingency_table
from torch import Tensor

from napari_motionseg.models import ModelCard, UNet, UNetConfig, save_model
from napari_motionseg.objectives.grouping import Grouping, affine_grouping_loss
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.cube import FACES, CubeScenes, draw_cube_scenes
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.training.engine.loop import TrainingSettings, train_job

RESULTS = Path(__file__).parent / "results"
CUBES, FRAMES, SEGMENTS = 5, 99, 5  # the paper's, section 4
RATE = 15.0  # frames a second
GAP_S = 0.4  # flow spans so much, 0.1 to 0.5 rad of turning
TRUE_PARTS = 4  # three faces and the wall: what k-means is told
TRAINING_SEED, UNSEEN_SEED = 7, 970_000
LATER_TIMES, UNSEEN_CUBES = 6, 30
TELL_EVERY = 50


class Pictures(NamedTuple):
    """Pictures ``(N, H, W)``, flow ``(N, 2, H, W)`` px, faces ``(N, H, W)``."""

    frames: Tensor
    flow: Tensor
    faces: Tensor


@dataclass(frozen=True)
class Options:
    """What is trained, and how."""

    size: int = 64
    cubes: int = CUBES
    width: int = 16
    depth: int = 4
    batch: int = 12
    steps: int = 4000
    learning_rate: float = 3e-3
    epsilon: float = 0.1
    kind: str = "affine"
    seed: int = 0


@dataclass
class CubeTask:
    """Random frames of the training cubes and the affine loss; see `train_job`."""

    model: UNet
    pictures: Pictures
    objective: Grouping
    batch_size: int

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        count = len(self.pictures.frames)
        chosen = torch.randint(count, (self.batch_size,), generator=generator)
        scores = self.model(self.pictures.frames[chosen, None])
        return self.objective(scores, self.pictures.flow[chosen], generator)

    def preview(self) -> None:
        return None


def main() -> None:
    options, out, model_path = parsed()
    torch.set_num_threads(1)
    sets = picture_sets(options)
    begun, cpu = time.perf_counter(), time.process_time()
    model, losses = trained(options, sets["training frames"])
    seconds = {
        "training_seconds": round(time.perf_counter() - begun, 1),
        "training_cpu_seconds": round(time.process_time() - cpu, 1),
    }
    report = {
        "settings": dataclasses.asdict(options),
        "segments": SEGMENTS,
        "gap_seconds": GAP_S,
        **seconds,
        "loss_first_last": [round(float(np.mean(x)), 4) for x in ends(losses)],
        "sets": {name: row(model, p, options) for name, p in sets.items()},
        **here_and_now(),
    }
    if model_path is not None:
        card = ModelCard("embedding", "UNet", dataclasses.asdict(model.config), report)
        save_model(model_path, model, card)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def parsed() -> tuple[Options, Path, Path | None]:
    """Return the options, where results go, and where the network goes, if anywhere."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for field in dataclasses.fields(Options):
        name = "--" + field.name.replace("_", "-")
        parser.add_argument(name, type=type(field.default), default=field.default)
    parser.add_argument("--out", type=Path, help="by the kind, if not given")
    parser.add_argument("--model", type=Path, help="where to write the network")
    given = vars(parser.parse_args())
    out, model = given.pop("out"), given.pop("model")
    options = Options(**given)
    return options, out or RESULTS / f"cube_grouping_{options.kind}.json", model


def picture_sets(options: Options) -> dict[str, Pictures]:
    """Return the sets by name, the training frames first."""
    cubes = draw_cubes(options.size, options.cubes, TRAINING_SEED)
    length = FRAMES / RATE
    # the sequences go on after a pause as long as the flow of their last frame reaches
    later = length + GAP_S + torch.linspace(0, length / 3, LATER_TIMES)
    unseen = draw_cubes(options.size, UNSEEN_CUBES, UNSEEN_SEED)
    return {
        "training frames": seen(cubes, torch.arange(FRAMES) / RATE),
        "same cubes later": seen(cubes, later),
        "unseen cubes": seen(unseen, torch.zeros(1)),
    }


def draw_cubes(size: int, count: int, seed: int) -> CubeScenes:
    config = SynthesisConfig.preset("rotating-cube", size=size)
    draws = Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))
    return draw_cube_scenes(config, count, draws)


def seen(cubes: CubeScenes, times: Tensor) -> Pictures:
    """Return each cube at each of some times."""
    grain = torch.Generator().manual_seed(UNSEEN_SEED + 1)
    parts = []
    for time_s in times:
        now = cubes.at(time_s.expand(len(cubes)))
        then = cubes.at(now.time + GAP_S)
        parts.append((now.frames(grain), now.flow(then), now.labels))
    return Pictures(*(torch.cat(column) for column in zip(*parts, strict=True)))


def trained(options: Options, pictures: Pictures) -> tuple[UNet, list[float]]:
    """Return the network after the last step, and the loss of each step."""
    with torch.random.fork_rng(devices=[]):
        # the layers' own initialisation knows no generator
        torch.manual_seed(options.seed)
        model = UNet(
            UNetConfig(embedding_dim=SEGMENTS, width=options.width, depth=options.depth)
        )
    task = CubeTask(
        model, pictures, Grouping(options.kind, options.epsilon), options.batch
    )
    settings = TrainingSettings(
        steps=options.steps,
        learning_rate=options.learning_rate,
        schedule="one-cycle",
        device="cpu",
        seed=options.seed,
    )
    losses = []
    for progress in train_job(task, settings):
        losses.append(progress.metrics["loss"])
        if progress.step % TELL_EVERY == 0:
            recent = np.mean(losses[-TELL_EVERY:])
            used = progress.metrics["segments"]
            print(
                f"{progress.step}: loss {recent:.3f}, segments {used:.2f}", flush=True
            )
    return model.eval(), losses


def ends(losses: list[float], count: int = 20) -> tuple[list[float], list[float]]:
    return losses[:count], losses[-count:]


def row(model: UNet, pictures: Pictures, options: Options) -> dict[str, object]:
    """Return the indices and losses of one set."""
    scores = scores_of(model, pictures.frames)
    found = {
        "network": scores.argmax(dim=1).numpy(),
        "one segment": np.zeros(pictures.faces.shape, int),
        "k-means of gray": clustered(pictures.frames[..., None].numpy()),
        "k-means of position": clustered(positions(pictures.faces.shape)),
        "k-means of flow": clustered(pictures.flow.movedim(1, -1).numpy()),
    }
    faces = pictures.faces.numpy()
    return {
        "pictures": len(faces),
        "rand": {name: indices(faces, labels) for name, labels in found.items()},
        "loss_px": losses_px(scores, pictures, options.epsilon),
    }


@torch.inference_mode()
def scores_of(model: UNet, frames: Tensor) -> Tensor:
    """Return the scores ``(N, L, H, W)`` of pictures ``(N, H, W)``."""
    return torch.cat([model(part[:, None]) for part in frames.split(16)])


def losses_px(scores: Tensor, pictures: Pictures, epsilon: float) -> dict[str, float]:
    """Return the loss of the network beside those of what it could have said."""
    faces = torch.nn.functional.one_hot(pictures.faces, FACES + 1)
    faces = faces.movedim(-1, 1).float()
    candidates = {
        "network": scores.softmax(dim=1),
        "true faces": faces,
        "cube and wall": torch.stack((faces[:, 0], 1 - faces[:, 0]), dim=1),
        "one segment": torch.ones_like(faces[:, :1]),
    }
    return {
        name: round(float(affine_grouping_loss(m, pictures.flow, epsilon=epsilon)), 4)
        for name, m in candidates.items()
    }


def positions(shape: torch.Size) -> np.ndarray:
    """Return row and column of each pixel ``(N, H, W, 2)``."""
    grid = np.stack(np.indices(shape[1:]), axis=-1)
    return np.broadcast_to(grid, (shape[0], *grid.shape))


def clustered(features: np.ndarray) -> np.ndarray:
    """Return k-means' labels ``(N, H, W)`` of ``(N, H, W, C)``, each picture alone."""
    labels = []
    for picture in features:
        points = picture.reshape(-1, picture.shape[-1]).astype(float)
        labels.append(kmeans2(points, TRUE_PARTS, minit="++", seed=0)[1])
    return np.stack(labels).reshape(features.shape[:3])


def indices(faces: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return the mean index of pictures ``(N, H, W)``, and that of the cube alone."""
    whole, cube = [], []
    for truth, found in zip(faces, labels, strict=True):
        whole.append(adjusted_rand(truth, found))
        cube.append(adjusted_rand(truth[truth > 0], found[truth > 0]))
    return {
        "picture": round(float(np.mean(whole)), 3),
        "cube": round(float(np.mean(cube)), 3),
    }


def adjusted_rand(truth: np.ndarray, found: np.ndarray) -> float:
    """Return the adjusted Rand index (Hubert and Arabie, 1985): 1 alike, 0 by chance.

    Two divisions that both are all one part are alike.
    """
    together = contingency_table(truth, found).toarray()
    both = pairs_in(together)
    by_truth, by_found = (pairs_in(together.sum(axis=axis)) for axis in (1, 0))
    chance = by_truth * by_found / pairs_in(np.array(truth.size))
    most = (by_truth + by_found) / 2
    return float((both - chance) / (most - chance)) if most > chance else 1.0


def pairs_in(counts: np.ndarray) -> float:
    return float((counts * (counts - 1.0) / 2).sum())


if __name__ == "__main__":
    main()
