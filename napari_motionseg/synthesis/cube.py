"""Draw a rotating cube with textured faces, the toy problem of S3-CNN.

Mahendran, Thewlis, Vedaldi, "Self-Supervised Segmentation by Grouping Optical-Flow",
ECCVW 2018: under an orthographic camera, the flow of a plane face is an affine map, so
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
TEXTURE_SIDE = 128  # px of the texture of a face
HALF_EDGE = 130.0  # half an edge of the cube, in px of a picture of 512 px


@dataclass(frozen=True)
class CubeScenes:
    """Cubes that rotate about random axes before textured walls.

    Parameters
    ----------
    config
        Configuration of size, imaging, and rotation speed (`heart_motion` as a factor).
    faces
        Gray values ``(B, 6, n, n)`` of the faces.
    wall
        Gray values ``(B, H, W)`` of the background, which does not move.
    start
        Rotation ``(B, 3, 3)`` at time 0.
    spin
        Rotation axis times radians per second, ``(B, 3)``.
    half
        Half an edge ``(B,)``, in px of a picture of 512 px.
    imagings
        Imaging chains from gray values to pictures; gray is taken for light.
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
        """Position ``(2, H, W)`` of pixel centres from the middle, px at 512 px."""
        rows, columns = self.config.shape
        axes = [
            (torch.arange(n, device=self.wall.device) - (n - 1) / 2) / self.config.scale
            for n in (rows, columns)
        ]
        y, x = torch.meshgrid(*axes, indexing="ij")
        return torch.stack((x, y))


class CubeMoment:
    """Cubes at one time for each scene; see `Moment` for the properties."""

    def __init__(self, scenes: CubeScenes, time: Tensor) -> None:
        self.scenes = scenes
        self.time = time
        self.rotation = rotations(scenes.spin * time[:, None]) @ scenes.start

    @cached_property
    def _seen(self) -> tuple[Tensor, Tensor]:
        """Label ``(B, H, W)`` of each pixel, and its point ``(B, 3, H, W)`` at rest."""
        scenes, pixels = self.scenes, self.scenes.pixels
        half = scenes.half[:, None, None]
        label = torch.zeros(scenes.wall.shape, dtype=torch.long, device=half.device)
        point = torch.zeros((len(scenes), 3, *pixels.shape[1:]), device=half.device)
        for face in range(FACES):
            axis, sign = face % 3, 1.0 if face < 3 else -1.0
            # normal of the face in the axes of the picture; z points to the camera
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
        """Face ``(B, H, W)`` at each pixel: 1 to 6, or 0 for the wall."""
        return self._seen[0]

    @property
    def masks(self) -> Tensor:
        """Mask of the cube, ``(B, H, W)`` bool."""
        return self.labels > BACKGROUND

    @property
    def outlined(self) -> Tensor:
        """Mask of the cube, equal to `masks` because its edges are sharp."""
        return self.masks

    @property
    def catheters(self) -> Tensor:
        """Empty mask ``(B, H, W)``: the scenes have no catheters."""
        return torch.zeros_like(self.masks)

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
        """Return the flow ``(B, 2, H, W)`` in px; that of the wall is 0."""
        label, point = self._seen
        moved = torch.einsum("bij,bjhw->bihw", then.rotation, point)[:, :2]
        flow = (moved - self.scenes.pixels) * self.scenes.config.scale
        return flow * (label > BACKGROUND)[:, None]


def rotations(turn: Tensor) -> Tensor:
    """Return rotations ``(B, 3, 3)`` about axes ``(B, 3)``, by their length in radians.

    This is Rodrigues' formula, as the exponential of the matrix of the cross product.
    """
    x, y, z = turn.unbind(dim=1)
    zero = torch.zeros_like(x)
    cross = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=1).view(-1, 3, 3)
    turned: Tensor = torch.linalg.matrix_exp(cross)
    return turned


def draw_cube_scenes(config: SynthesisConfig, count: int, draws: Draws) -> CubeScenes:
    """Draw `count` scenes with a rotating cube."""
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
