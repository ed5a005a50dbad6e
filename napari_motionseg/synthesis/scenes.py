"""Compose scenes of vessels, devices and background, and evaluate them at any time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from napari_motionseg.synthesis import tubes
from napari_motionseg.synthesis.anatomy import LAYERS, Canvases, draw_canvases
from napari_motionseg.synthesis.centrelines import Trees
from napari_motionseg.synthesis.config import REFERENCE_SIDE, SynthesisConfig
from napari_motionseg.synthesis.contrast import (
    VISIBLE_DENSITY,
    Boluses,
    draw_boluses,
)
from napari_motionseg.synthesis.contrast_clouds import muscle_blush, root_reflux
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.geometry import Cameras
from napari_motionseg.synthesis.imaging import Imagings, draw_imagings
from napari_motionseg.synthesis.medical_devices import Devices, draw_devices
from napari_motionseg.synthesis.motion import (
    Heartbeats,
    LayerMotions,
    draw_heartbeats,
    draw_layer_motions,
)
from napari_motionseg.synthesis.viewed_trees import draw_viewed_trees

REFERENCE_DIAMETER = 12.0  # px at 512 px of the vessel that `opacity` refers to
VISIBLE_ABSORBANCE = 0.02  # a fainter vessel is lost in noise and quantisation
# How people outline vessels: the least share of the path through the middle of the
# vessel, and the least absorbance of the middle.
OUTLINED_SHARE, OUTLINED_ABSORBANCE = 0.8, 0.15
CATHETER_ABSORBANCE = 0.05  # of its middle; a fainter one is not in the mask
BLUSH_CELL_PX = 16.0
LEAST_STRUCTURE = 1e-7  # weight where nothing is visible, so that tissue's flow is used
# a point counts as hidden if another part of the tree is so far over it
HIDDEN_PX = 2.0


@dataclass(frozen=True)
class Scenes:
    """Many scenes whose state at any time is exact and reproducible.

    Parameters
    ----------
    config
        Configuration that the scenes were drawn from.
    trees, cameras, beats, layers, boluses, imagings, canvases, devices
        Vessels, views, heartbeats, motions of the background, contrast agent, imaging
        chains, background, and medical devices.
    opacity, blush, reflux
        Absorbance ``(B,)`` of a filled vessel per px at 512 px, of the muscle, of the
        aorta.
    root
        Position ``(B, 3)`` of the aortic root, and its size ``(B,)`` in px at 512 px.
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
        """Corner (x, y) of the square of the scene within a picture that is wider."""
        rows, columns = self.config.shape
        side = REFERENCE_SIDE * self.config.scale
        spare = torch.tensor([columns - side, rows - side], dtype=torch.float32)
        return spare.to(self.opacity.device) / 2

    @cached_property
    def pixels(self) -> Tensor:
        """Position x, y ``(1, 2, H, W)`` of all pixel centres, in px at 512 px."""
        rows, columns = self.config.shape
        axes = (torch.arange(n, device=self.opacity.device) for n in (rows, columns))
        y, x = torch.meshgrid(*axes, indexing="ij")
        own = torch.stack((x, y))[None].float()
        return (own - self.offset[:, None, None]) / self.config.scale

    def at(self, time: Tensor) -> Moment:
        """Return the scenes at times ``(B,)`` in seconds."""
        return Moment(self, time)


def draw_scenes(config: SynthesisConfig, count: int, draws: Draws) -> Scenes:
    """Draw `count` angiographic scenes."""
    trees, ostia, cameras = draw_viewed_trees(config, count, draws)
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
        canvases=draw_canvases(config, cameras.centre, draws),
        devices=draw_devices(config, trees, cameras, opacity, draws),
        opacity=opacity,
        blush=draws.range(count, config.blush),
        reflux=draws.range(count, config.reflux),
        root=(trees.points[ostia], draws.uniform(count, 12, 30)),
    )


class Moment:
    """Scenes at one time each; each property is computed once.

    Parameters
    ----------
    scenes
        The scenes, which share one configuration.
    time
        Time ``(B,)`` of each scene in seconds.
    """

    def __init__(self, scenes: Scenes, time: Tensor) -> None:
        self.scenes = scenes
        self.time = time

    @cached_property
    def density(self) -> Tensor:
        """Density ``(N,)`` of contrast agent at each sample of the trees."""
        trees = self.scenes.trees
        return self.scenes.boluses.density(
            trees.path, trees.scene, trees.tree, self.time
        )

    @cached_property
    def visible(self) -> Tensor:
        """Density ``(N,)`` of contrast agent at visible samples, and 0 at others."""
        trees = self.scenes.trees
        through = 2 * trees.radii * self.scenes.opacity[trees.scene] * self.density
        seen = (self.density >= VISIBLE_DENSITY) & (through >= VISIBLE_ABSORBANCE)
        return self.density * seen

    @cached_property
    def vessels(self) -> tubes.Tubes:
        """The trees in the picture, in px of the loop."""
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
        """Vessel sample ``(B, H, W)`` that each pixel shows, -1 for none."""
        return self._vessel_view[0]

    @cached_property
    def _vessel_view(self) -> tuple[Tensor, Tensor]:
        return self._front(self.vessels, self._vessel_hits, self.visible)

    @cached_property
    def device_front(self) -> Tensor:
        """Device sample ``(B, H, W)`` that each pixel shows, -1 for none."""
        found, dense = self._devices
        return self._front(found, self._device_hits, dense)[0]

    @cached_property
    def catheters(self) -> Tensor:
        """Mask ``(B, H, W)`` bool of the catheters that no visible vessel covers."""
        sample = self.device_front
        found, dense = self._devices
        seen = 2 * found.radii * dense >= CATHETER_ABSORBANCE
        catheter = torch.isin(found.branch, self.scenes.devices.catheters) & seen
        if not len(catheter):
            return torch.zeros_like(sample, dtype=torch.bool)
        here = (sample >= 0) & catheter[sample.clamp(min=0)]
        return here & ~self.masks & self.scenes.imagings.open_field

    def _front(
        self, found: tubes.Tubes, hits: tubes.Hits, density: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the results of `tubes.front`, each ``(B, H, W)``."""
        shape = (len(self.scenes), *self.scenes.config.shape)
        size = shape[0] * shape[1] * shape[2]
        seen, strength = tubes.front(found, hits, density, size)
        return seen.view(shape), strength.view(shape)

    @cached_property
    def masks(self) -> Tensor:
        """Mask ``(B, H, W)`` bool of the visible vessels."""
        return (self.vessel_front >= 0) & self.scenes.imagings.open_field

    @cached_property
    def outlined(self) -> Tensor:
        """Mask ``(B, H, W)`` bool of the vessels as people outline them.

        A pixel counts if the vessel is nearly as dark there as in its middle, because
        nobody sees the outermost pixel of a tube. Very faint branches are left out.
        """
        seen, strength = self._vessel_view
        sample = seen.clamp(min=0)
        scene = self.scenes.trees.scene
        middle = self.vessels.radii * self.visible  # in the unit of `strength`
        per_px = self.scenes.opacity[scene] * self.density
        absorbs = 2 * self.scenes.trees.radii * per_px
        clear = (absorbs >= OUTLINED_ABSORBANCE)[sample]
        return self.masks & clear & (strength >= OUTLINED_SHARE * middle[sample])

    @cached_property
    def tree_masks(self) -> Tensor:
        """Masks ``(B, 2, H, W)`` bool of the left and the right tree."""
        which = self.scenes.trees.tree[self.vessel_front.clamp(min=0)]
        return torch.stack([self.masks & (which == tree) for tree in (0, 1)], dim=1)

    @cached_property
    def alphas(self) -> dict[str, Tensor]:
        """Coverage ``(B, H, W)`` of each layer in [0, 1].

        ``background`` is 1 everywhere; ``devices``, ``vessels`` and ``blades`` cover
        the layers before them in this order.
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
        """Rest point ``(B, 2, H, W)`` of each pixel in each layer, in px at 512 px."""
        points = self.scenes.pixels.expand(len(self.scenes), -1, -1, -1)
        return [
            self.scenes.layers.rest(layer, points, self.time)
            for layer in range(len(LAYERS))
        ]

    def absorbance(self) -> Tensor:
        """Return the absorbance ``(B, H, W)`` of the rays."""
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

        The noise is drawn from `generator`, on the device of the scenes.
        """
        return self.scenes.imagings.expose(self.absorbance(), generator)

    def layer_flows(self, then: Moment) -> dict[str, Tensor]:
        """Return the flow ``(B, 2, H, W)`` of each layer to another time, in px.

        The flow of the background is the mean of those of its layers, weighted by their
        visible structure. The flows of ``devices`` and ``vessels`` are zero where there
        are none; ``blades`` do not move.
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
        """Return the flow ``(B, 2, H, W)`` of the front layer at each pixel, in px.

        The order from the front is blades, vessels with contrast, devices, background.
        The flow follows a point even if another layer hides it at the other time.
        """
        flows = self.layer_flows(then)
        total = flows["background"]
        for name in ("devices", "vessels", "blades"):
            here = self.alphas[name][:, None] >= 0.5
            total = torch.where(here, flows[name], total)
        return total

    def hidden(self, then: Moment) -> Tensor:
        """Return which pixels ``(B, H, W)`` are hidden or outside at the other time.

        A pixel counts if another layer covers its point, or if it leaves the open
        field.
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
