"""A turning cube with textured faces: the toy problem of S3-CNN.

Mahendran, Thewlis, Vedaldi, "Self-Supervised Segmentation by Grouping Optical-Flow",
ECCVW 2018: under an orthographic camera the flow of a plane face is an affine map, so
grouping pixels by affine flow finds the faces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis import textures
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.imaging import Imagings, draw_imagings

FACES = 6
BACKGROUND = 0  # label; faces are 1 to 6
TEXTURE_SIDE = 128
HALF_EDGE = 130.0  # px at 512 px


@dataclass(frozen=True)
class CubeScenes:
    """Cubes that turn about axes of their own before textured walls.

    Parameters
    ----------
    config
        Its size is used, `heart_motion` as a factor on the turning, and the imaging.
    faces
        ``(B, 6, n, n)`` gray of the faces.
    wall
        ``(B, H, W)`` gray of the background, which stands still.
    start
        ``(B, 3, 3)`` rotation at time 0.
    spin
        ``(B, 3)`` axis times radians a second.
    half
        ``(B,)`` half an edge, px at 512 px.
    imagings
        From gray to pictures; gray is taken for light.
    """

    config: SynthesisConfig
    faces: Tensor
    wall: Tensor
    start: Tensor
    spin: Tensor
    half: Tensor
    imagings: Imagings

    def __len__(self) -> int:
        return len(self.wall)

    def at(self, time: Tensor) -> CubeMoment:
        """Return the scenes at times ``(B,)`` in seconds."""
        return CubeMoment(self, time)

    @cached_property
    def pixels(self) -> Tensor:
        """x, y of pixel centres ``(2, H, W)``, px at 512 px from the middle."""
        rows, columns = self.config.shape
        axes = [
            (torch.arange(n, device=self.wall.device) - (n - 1) / 2) / self.config.scale
            for n in (rows, columns)
        ]
        y, x = torch.meshgrid(*axes, indexing="ij")
        return torch.stack((x, y))


class CubeMoment:
    """Cubes at one time each; see `Moment` for what each property means."""

    def __init__(self, scenes: CubeScenes, time: Tensor) -> None:
        self.scenes = scenes
        self.time = time
        self.rotation = rotations(scenes.spin * time[:, None]) @ scenes.start

    @cached_property
    def _seen(self) -> tuple[Tensor, Tensor]:
        """Label ``(B, H, W)``, and the point of the cube at rest ``(B, 3, H, W)``."""
        scenes, pixels = self.scenes, self.scenes.pixels
        half = scenes.half[:, None, None]
        label = torch.zeros(scenes.wall.shape, dtype=torch.long, device=half.device)
        point = torch.zeros((len(scenes), 3, *pixels.shape[1:]), device=half.device)
        for face in range(FACES):
            axis, sign = face % 3, 1.0 if face < 3 else -1.0
            # the face's normal in the picture's axes; z points to the camera
            normal = sign * self.rotation[:, :, axis]
            depth = (
                half
                - normal[:, 0, None, None] * pixels[0]
                - normal[:, 1, None, None] * pixels[1]
            ) / normal[:, 2, None, None].clamp(min=1e-3)
            plane = pixels.expand(len(scenes), -1, -1, -1)
            space = torch.cat((plane, depth[:, None]), dim=1)
            rest = torch.einsum("bji,bjhw->bihw", self.rotation, space)
            others = [i for i in range(3) if i != axis]
            inside = (rest[:, others].abs() <= half[:, None]).all(dim=1)
            here = inside & (normal[:, 2] > 1e-3)[:, None, None]
            label = torch.where(here, face + 1, label)
            point = torch.where(here[:, None], rest, point)
        return label, point

    @property
    def labels(self) -> Tensor:
        """The face at each pixel ``(B, H, W)``: 1 to 6, 0 for the wall."""
        return self._seen[0]

    @property
    def masks(self) -> Tensor:
        """Mask of the cube, ``(B, H, W)`` bool."""
        return self.labels > BACKGROUND

    @property
    def outlined(self) -> Tensor:
        """As `masks`: edges are sharp here."""
        return self.masks

    def frames(self, generator: torch.Generator) -> Tensor:
        """Return the pictures ``(B, H, W)`` in [0, 1]."""
        scenes, (label, point) = self.scenes, self._seen
        gray = scenes.wall
        unit = point / scenes.half[:, None, None, None]
        for face in range(FACES):
            others = [i for i in range(3) if i != face % 3]
            grid = unit[:, others].movedim(1, -1)
            texture = functional.grid_sample(
                scenes.faces[:, face : face + 1], grid, align_corners=False
            )[:, 0]
            gray = torch.where(label == face + 1, texture, gray)
        return scenes.imagings.expose(3 * (0.6 - gray), generator)

    def flow(self, then: CubeMoment) -> Tensor:
        """Return the flow ``(B, 2, H, W)`` in px; the wall stands still."""
        label, point = self._seen
        moved = torch.einsum("bij,bjhw->bihw", then.rotation, point)[:, :2]
        flow = (moved - self.scenes.pixels) * self.scenes.config.scale
        return flow * (label > BACKGROUND)[:, None]


def rotations(turn: Tensor) -> Tensor:
    """Return rotations ``(B, 3, 3)`` about axes ``(B, 3)`` by their length in radians.

    Rodrigues' formula, as the exponential of the cross product's matrix.
    """
    x, y, z = turn.unbind(dim=1)
    zero = torch.zeros_like(x)
    cross = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=1).view(-1, 3, 3)
    turned: Tensor = torch.linalg.matrix_exp(cross)
    return turned


def draw_cube_scenes(config: SynthesisConfig, count: int, draws: Draws) -> CubeScenes:
    """Draw `count` cubes."""
    rows, columns = config.shape
    faces = textures.noise(count * FACES, TEXTURE_SIDE, 0.4, draws)
    wall = textures.noise(count, max(rows, columns), config.scale, draws)
    axis = functional.normalize(draws.normal((count, 3)), dim=1)
    speed = draws.uniform((count, 1), 0.3, 1.0)
    speed = speed * draws.range((count, 1), config.heart_motion)
    return CubeScenes(
        config=config,
        faces=faces.view(count, FACES, TEXTURE_SIDE, TEXTURE_SIDE),
        wall=wall[:, :rows, :columns],
        start=rotations(draws.normal((count, 3)) * math.pi / 2),
        spin=axis * speed,
        half=HALF_EDGE * draws.uniform(count, 0.8, 1.1),
        imagings=draw_imagings(config, count, draws),
    )
