"""Scenes: all that seeds draw, and what of it is where at any time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from napari_motionseg.synthesis import tubes
from napari_motionseg.synthesis.anatomy import LAYERS, Canvases, draw_canvases
from napari_motionseg.synthesis.config import REFERENCE_SIDE, SynthesisConfig
from napari_motionseg.synthesis.contrast import (
    VISIBLE_DENSITY,
    Boluses,
    draw_boluses,
)
from napari_motionseg.synthesis.contrast_clouds import muscle_blush, root_reflux
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.geometry import Cameras, draw_cameras
from napari_motionseg.synthesis.imaging import Imagings, draw_imagings
from napari_motionseg.synthesis.medical_devices import Devices, draw_devices
from napari_motionseg.synthesis.motion import (
    Heartbeats,
    LayerMotions,
    draw_heartbeats,
    draw_layer_motions,
)
from napari_motionseg.synthesis.vessels import Trees, grow_trees

REFERENCE_DIAMETER = 12.0  # px at 512 px; its absorbance is `SynthesisConfig.opacity`
VISIBLE_ABSORBANCE = 0.02  # below it a vessel is lost in noise and quantisation
# As people outline vessels: the share of the middle's path, and what a middle absorbs
OUTLINED_SHARE, OUTLINED_ABSORBANCE = 0.8, 0.15
BLUSH_CELL_PX = 16.0
LEAST_STRUCTURE = 1e-7  # where nothing is to be seen, tissue's motion is the motion
HIDDEN_PX = 2.0  # a point that another part of the tree covers by more is hidden


@dataclass(frozen=True)
class Scenes:
    """Many scenes; all that follows at any time is exact and repeatable.

    Parameters
    ----------
    config
        The ranges they were drawn from.
    trees, cameras, beats, layers, boluses, imagings, canvases, devices
        Vessels, views, heartbeats, the background's motions, contrast, imaging
        chains, background, and what is no anatomy.
    opacity, blush, reflux
        ``(B,)`` what a filled px of way absorbs at 512 px; the heart muscle; the aorta.
    root
        ``(B, 3)`` the aortic root and ``(B,)`` its size at 512 px.
    """

    config: SynthesisConfig
    trees: Trees
    cameras: Cameras
    beats: Heartbeats
    layers: LayerMotions
    boluses: Boluses
    imagings: Imagings
    canvases: Canvases
    devices: Devices
    opacity: Tensor
    blush: Tensor
    reflux: Tensor
    root: tuple[Tensor, Tensor]

    def __len__(self) -> int:
        return len(self.opacity)

    @cached_property
    def offset(self) -> Tensor:
        """Corner (x, y) of the square of the scene in a picture that is wider."""
        rows, columns = self.config.shape
        side = REFERENCE_SIDE * self.config.scale
        spare = torch.tensor([columns - side, rows - side], dtype=torch.float32)
        return spare.to(self.opacity.device) / 2

    @cached_property
    def pixels(self) -> Tensor:
        """x, y of all pixel centres ``(1, 2, H, W)``, px at 512 px."""
        rows, columns = self.config.shape
        axes = (torch.arange(n, device=self.opacity.device) for n in (rows, columns))
        y, x = torch.meshgrid(*axes, indexing="ij")
        own = torch.stack((x, y))[None].float()
        return (own - self.offset[:, None, None]) / self.config.scale

    def at(self, time: Tensor) -> Moment:
        """Return the scenes at times ``(B,)`` in seconds."""
        return Moment(self, time)


def draw_scenes(config: SynthesisConfig, count: int, draws: Draws) -> Scenes:
    """Draw `count` angiograms."""
    trees = grow_trees(config, count, draws)
    ostia = trees.first_samples(count)
    cameras = draw_cameras(config, count, draws)
    jitter = 35 * draws.normal((count, 2))
    cameras = cameras.centred(trees.points, trees.scene, jitter)
    beats = draw_heartbeats(config, count, draws)
    opacity = draws.range(count, config.opacity) / REFERENCE_DIAMETER
    return Scenes(
        config=config,
        trees=trees,
        cameras=cameras,
        beats=beats,
        layers=draw_layer_motions(config, cameras.centre, beats, draws),
        boluses=draw_boluses(config, trees.tree[ostia], count, draws),
        imagings=draw_imagings(config, count, draws),
        canvases=draw_canvases(config, count, draws),
        devices=draw_devices(config, trees, cameras, opacity, draws),
        opacity=opacity,
        blush=draws.range(count, config.blush),
        reflux=draws.range(count, config.reflux),
        root=(trees.points[ostia], draws.uniform(count, 12, 30)),
    )


class Moment:
    """Scenes at one time each; what is asked for is computed once.

    Parameters
    ----------
    scenes
        The scenes.
    time
        ``(B,)`` seconds.
    """

    def __init__(self, scenes: Scenes, time: Tensor) -> None:
        self.scenes = scenes
        self.time = time

    @cached_property
    def density(self) -> Tensor:
        """Contrast ``(N,)`` at each sample of the trees."""
        trees = self.scenes.trees
        return self.scenes.boluses.density(
            trees.path, trees.scene, trees.tree, self.time
        )

    @cached_property
    def visible(self) -> Tensor:
        """Contrast ``(N,)`` of samples that can be seen, else 0."""
        trees = self.scenes.trees
        through = 2 * trees.radii * self.scenes.opacity[trees.scene] * self.density
        seen = (self.density >= VISIBLE_DENSITY) & (through >= VISIBLE_ABSORBANCE)
        return self.density * seen

    @cached_property
    def vessels(self) -> tubes.Tubes:
        """The trees in the picture, px of the loop."""
        scenes, trees = self.scenes, self.scenes.trees
        space = scenes.beats.move(trees.points, trees.scene, self.time)
        centres = scenes.cameras.project(space, trees.scene)
        centres = centres + scenes.layers.rigid(self.time)[trees.scene]
        scale = scenes.config.scale
        return tubes.Tubes(
            centres * scale + scenes.offset,
            trees.radii * scale,
            trees.step * scale,
            trees.scene,
            trees.branch,
        )

    @cached_property
    def _devices(self) -> tuple[tubes.Tubes, Tensor]:
        scenes = self.scenes
        to_px = scenes.config.scale, scenes.offset
        return scenes.devices.tubes(
            self.vessels, scenes.cameras, scenes.layers, self.time, to_px
        )

    @cached_property
    def _vessel_hits(self) -> tubes.Hits:
        return tubes.draw(self.vessels, self.scenes.config.shape)

    @cached_property
    def _device_hits(self) -> tubes.Hits:
        return tubes.draw(self._devices[0], self.scenes.config.shape)

    @cached_property
    def vessel_front(self) -> Tensor:
        """The sample of the trees that each pixel sees ``(B, H, W)``, -1 for none."""
        return self._vessel_view[0]

    @cached_property
    def _vessel_view(self) -> tuple[Tensor, Tensor]:
        return self._front(self.vessels, self._vessel_hits, self.visible)

    @cached_property
    def device_front(self) -> Tensor:
        """The sample of the devices that each pixel sees ``(B, H, W)``, -1 for none."""
        found, dense = self._devices
        return self._front(found, self._device_hits, dense)[0]

    def _front(
        self, found: tubes.Tubes, hits: tubes.Hits, density: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return what `tubes.front` does, each ``(B, H, W)``."""
        shape = (len(self.scenes), *self.scenes.config.shape)
        size = shape[0] * shape[1] * shape[2]
        seen, strength = tubes.front(found, hits, density, size)
        return seen.view(shape), strength.view(shape)

    @cached_property
    def masks(self) -> Tensor:
        """Vessels that can be seen, ``(B, H, W)`` bool."""
        return (self.vessel_front >= 0) & self.scenes.imagings.open_field

    @cached_property
    def outlined(self) -> Tensor:
        """Vessels as people outline them, ``(B, H, W)`` bool.

        Where a vessel is nearly as dark as in its middle, for nobody sees the last
        pixel of a tube whose edge is as thin as glass; and no branch that is too faint
        to be worth a stroke.
        """
        seen, strength = self._vessel_view
        sample = seen.clamp(min=0)
        scene = self.scenes.trees.scene
        middle = self.vessels.radii * self.visible  # of what `strength` is measured in
        per_px = self.scenes.opacity[scene] * self.density
        absorbs = 2 * self.scenes.trees.radii * per_px
        clear = (absorbs >= OUTLINED_ABSORBANCE)[sample]
        return self.masks & clear & (strength >= OUTLINED_SHARE * middle[sample])

    @cached_property
    def tree_masks(self) -> Tensor:
        """The same for the left and the right tree, ``(B, 2, H, W)`` bool."""
        which = self.scenes.trees.tree[self.vessel_front.clamp(min=0)]
        return torch.stack([self.masks & (which == tree) for tree in (0, 1)], dim=1)

    @cached_property
    def alphas(self) -> dict[str, Tensor]:
        """Coverage of each layer, ``(B, H, W)`` in [0, 1].

        ``background`` 1 everywhere; ``devices``, ``vessels`` and ``blades`` cover what
        comes before them.
        """
        shut = ~self.scenes.imagings.open_field
        return {
            "background": torch.ones_like(shut, dtype=torch.float32),
            "devices": (self.device_front >= 0).float(),
            "vessels": (self.vessel_front >= 0).float(),
            "blades": shut.float(),
        }

    @cached_property
    def rest(self) -> list[Tensor]:
        """Origin of each layer's pixels, ``(B, 2, H, W)`` px at 512 px."""
        points = self.scenes.pixels.expand(len(self.scenes), -1, -1, -1)
        return [
            self.scenes.layers.rest(layer, points, self.time)
            for layer in range(len(LAYERS))
        ]

    def absorbance(self) -> Tensor:
        """Return what the X-rays lose, ``(B, H, W)``."""
        scenes = self.scenes
        total = sum(
            scenes.canvases.sample(layer, rest) for layer, rest in enumerate(self.rest)
        )
        total = total + _blush(self) + _reflux(self)
        total = total.contiguous()
        per_px = scenes.opacity[scenes.trees.scene] / scenes.config.scale
        tubes.add_absorbance(
            total, self.vessels, self._vessel_hits, per_px * self.density
        )
        found, dense = self._devices
        tubes.add_absorbance(total, found, self._device_hits, dense)
        return total

    def frames(self, generator: torch.Generator) -> Tensor:
        """Return the pictures ``(B, H, W)`` in [0, 1], in steps of 1/255.

        `generator`, on the device, draws the noise.
        """
        return self.scenes.imagings.expose(self.absorbance(), generator)

    def layer_flows(self, then: Moment) -> dict[str, Tensor]:
        """Return each layer's flow ``(B, 2, H, W)`` to another time, in px.

        The background's is the mean of its layers' flows, weighted by how much of each
        is to be seen there. Those of ``devices`` and ``vessels`` are given where these
        lie, and zero elsewhere; ``blades`` stand still.
        """
        flows = {"background": self._background_flow(then)}
        shape = flows["background"].shape
        for name, now, later, front in (
            ("devices", self._devices[0], then._devices[0], self.device_front),
            ("vessels", self.vessels, then.vessels, self.vessel_front),
        ):
            flow = torch.zeros(shape, device=self.time.device)
            scene, row, column = (front >= 0).nonzero(as_tuple=True)
            points = torch.stack((column, row), dim=1).float()
            sample = front[scene, row, column]
            moved = tubes.follow(points, sample, now, later) - points
            flow[scene, :, row, column] = moved
            flows[name] = flow
        flows["blades"] = torch.zeros(shape, device=self.time.device)
        return flows

    def flow(self, then: Moment) -> Tensor:
        """Return the flow ``(B, 2, H, W)`` in px: of what lies in front at each pixel.

        A blade before a vessel with contrast before a device before the background. It
        follows the point even where another layer hides it at the other time.
        """
        flows = self.layer_flows(then)
        total = flows["background"]
        for name in ("devices", "vessels", "blades"):
            here = self.alphas[name][:, None] >= 0.5
            total = torch.where(here, flows[name], total)
        return total

    def hidden(self, then: Moment) -> Tensor:
        """Return which pixels something else covers at the other time ``(B, H, W)``.

        Or the way leads out of the open field.
        """
        flow = self.flow(then)
        rows, columns = self.scenes.config.shape
        y, x = torch.meshgrid(
            torch.arange(rows, device=flow.device),
            torch.arange(columns, device=flow.device),
            indexing="ij",
        )
        u, v = (x + flow[:, 0]).round().long(), (y + flow[:, 1]).round().long()
        outside = (u < 0) | (u >= columns) | (v < 0) | (v >= rows)
        scene = torch.arange(len(flow), device=flow.device)[:, None, None]
        u, v = u.clamp(0, columns - 1), v.clamp(0, rows - 1)
        shut = ~self.scenes.imagings.open_field[scene, v, u]
        vessel, device = then.vessel_front[scene, v, u], then.device_front[scene, v, u]
        ours = self.vessel_front
        path = self.scenes.trees.path
        apart = (path[vessel.clamp(min=0)] - path[ours.clamp(min=0)]).abs()
        own_vessel = (ours >= 0) & (vessel >= 0) & (apart <= HIDDEN_PX / 0.2)
        covered = torch.where(ours >= 0, ~own_vessel & (vessel >= 0), vessel >= 0)
        below = (ours < 0) & (self.device_front < 0) & (device >= 0)
        return outside | shut | covered | below

    def _background_flow(self, then: Moment) -> Tensor:
        scenes = self.scenes
        total = weights = torch.zeros((), device=self.time.device)
        for layer, rest in enumerate(self.rest):
            flow = scenes.layers.place(layer, rest, then.time) - scenes.pixels
            seen = scenes.canvases.structure_at(layer, rest)[:, None]
            if layer == 0:
                seen = seen + LEAST_STRUCTURE
            total = total + seen * flow
            weights = weights + seen
        return total / weights * scenes.config.scale


def _blush(moment: Moment) -> Tensor:
    scenes = moment.scenes
    return muscle_blush(
        scenes.blush * scenes.boluses.muscle(moment.time),
        moment.vessels.centres,
        moment.vessels.scene,
        scenes.config.shape,
        BLUSH_CELL_PX * scenes.config.scale,
    )


def _reflux(moment: Moment) -> Tensor:
    scenes = moment.scenes
    point, size = scenes.root
    which = torch.arange(len(scenes), device=moment.time.device)
    space = scenes.beats.move(point, which, moment.time)
    middle = scenes.cameras.project(space, which) + scenes.layers.rigid(moment.time)
    pulse = 1 - scenes.beats.contraction(moment.time)
    amount = scenes.reflux * scenes.boluses.injected(moment.time) * pulse
    offsets = scenes.pixels - middle[:, :, None, None]
    return root_reflux(amount, offsets, size, moment.time)
