"""Model catheters, leads, wires, electrodes and stents: tubes that are not vessels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from napari_motionseg.synthesis.catheter_courses import (
    OUTSIDE_PX,
    ahead_at,
    bent_course,
)
from napari_motionseg.synthesis.centrelines import Trees
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.curves import STEP_PX, bezier, even, length
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.geometry import Cameras
from napari_motionseg.synthesis.motion import RIBS, SPINE, TISSUE, LayerMotions
from napari_motionseg.synthesis.territories import PX_PER_MM, px_per_mm, territory_of
from napari_motionseg.synthesis.tubes import Tubes

CATHETER_LOOSE_PX = 160.0  # length from the tip along which the heart moves a catheter
LEAD_LOOSE_PX = 260.0  # length from the tip along which the heart moves a lead
STRUT = 0.25  # absorbance of a stent's metal per px of path


@dataclass(frozen=True)
class TetheredSamples:
    """Samples of devices in the picture plane, dragged along by a point of the heart.

    Parameters
    ----------
    rest
        Positions ``(N, 2)`` at rest, x and y in px at 512 px.
    radii, absorbance
        Radius ``(N,)`` in px, and absorbance ``(N,)`` per px of path.
    anchor
        Point ``(N, 3)`` of the resting heart that drags the sample.
    follow
        Share ``(N,)`` of the motion of that point that the sample follows.
    layer
        Layer ``(N,)`` whose motion the sample also follows; see `LayerMotions`.
    scene, branch
        Index ``(N,)`` of the scene and of the device.
    """

    rest: Tensor
    radii: Tensor
    absorbance: Tensor
    anchor: Tensor
    follow: Tensor
    layer: Tensor
    scene: Tensor
    branch: Tensor


@dataclass(frozen=True)
class VesselSamples:
    """Samples of devices inside vessels, which move with the vessel.

    Parameters
    ----------
    sample
        Index ``(N,)`` of the sample of the trees.
    across
        Distance ``(N,)`` from the centreline to the side, in px at 512 px.
    radii, absorbance
        Radius ``(N,)`` in px, and absorbance ``(N,)`` per px of path.
    branch
        Index ``(N,)`` of the device.
    """

    sample: Tensor
    across: Tensor
    radii: Tensor
    absorbance: Tensor
    branch: Tensor


@dataclass(frozen=True)
class Devices:
    """All devices of all scenes.

    Parameters
    ----------
    tethered, in_vessel
        Samples that the heart drags along, and samples inside vessels.
    catheters
        Indices ``(K,)`` of the devices that are catheters; see `TetheredSamples`.
    """

    tethered: TetheredSamples
    in_vessel: VesselSamples
    catheters: Tensor

    def tubes(
        self,
        vessels: Tubes,
        cameras: Cameras,
        layers: LayerMotions,
        time: Tensor,
        to_px: tuple[float, Tensor],
    ) -> tuple[Tubes, Tensor]:
        """Return the devices at times ``(B,)``, and their absorbance ``(N,)`` per px.

        Parameters
        ----------
        vessels
            The vessels at those times, in px of the loop.
        cameras
            Views of the scenes.
        layers
            Motions of the layers that devices lie on.
        time
            Times ``(B,)`` in seconds.
        to_px
            Scale, and offset ``(2,)``, from px at 512 px to px of the loop.
        """
        scale, offset = to_px
        still, inside = self.tethered, self.in_vessel
        moved = layers.beats.move(still.anchor, still.scene, time)
        pulled = cameras.project(moved, still.scene)
        pulled = pulled - cameras.project(still.anchor, still.scene)
        places = still.rest + still.follow[:, None] * pulled
        places = places + self._carried(layers, time)
        tangent = vessels.tangents()[inside.sample]
        normal = torch.stack((-tangent[:, 1], tangent[:, 0]), dim=1)
        within = vessels.centres[inside.sample]
        within = within + normal * (inside.across * scale)[:, None]
        tubes = Tubes(
            torch.cat((places * scale + offset, within)),
            torch.cat((still.radii, inside.radii)) * scale,
            self._steps() * scale,
            torch.cat((still.scene, vessels.scene[inside.sample])),
            torch.cat((still.branch, inside.branch)),
        )
        return tubes, torch.cat((still.absorbance, inside.absorbance)) / scale

    def _carried(self, layers: LayerMotions, time: Tensor) -> Tensor:
        """Return the shift ``(N, 2)`` of tethered samples by breathing and table."""
        still, total = self.tethered, torch.zeros_like(self.tethered.rest)
        rigid = layers.rigid(time)[still.scene]
        for layer in (SPINE, RIBS):
            on = still.layer == layer
            own = _rows(layers, still.scene[on])
            points = still.rest[on][:, :, None]
            moved = own.place(layer, points, time[still.scene[on]]) - points
            total[on] = moved[..., 0]
        return torch.where((still.layer == TISSUE)[:, None], rigid, total)

    def _steps(self) -> Tensor:
        """Return the length of the device for each sample, in px at 512 px."""
        count = len(self.tethered.scene) + len(self.in_vessel.sample)
        return torch.full((count,), STEP_PX, device=self.tethered.rest.device)


def _rows(layers: LayerMotions, scene: Tensor) -> LayerMotions:
    """Return the motions of the scenes with index `scene` ``(N,)``, as N scenes."""
    beats = type(layers.beats)(*(v[scene] for v in vars(layers.beats).values()))
    parts = {k: v[scene] for k, v in vars(layers).items() if isinstance(v, Tensor)}
    return LayerMotions(**parts, beats=beats)


def draw_devices(
    config: SynthesisConfig,
    trees: Trees,
    cameras: Cameras,
    opacity: Tensor,
    draws: Draws,
) -> Devices:
    """Draw the devices of all scenes.

    Parameters
    ----------
    config
        Configuration with the share of scenes that have each device.
    trees
        Vessels that devices are attached to.
    cameras
        Views of the scenes.
    opacity
        Absorbance ``(B,)`` of a filled vessel per px of path, at 512 px.
    draws
        Source of the random numbers.
    """
    maker = _Maker(trees, cameras, opacity, config, draws)
    kinds = {
        "catheter": maker.catheter,
        "leads": maker.lead,
        "wires": maker.sternal_wires,
        "electrodes": maker.electrode,
        "stents": maker.stent,
    }
    for scene in range(len(opacity)):
        for name, make in kinds.items():
            if bool(draws.happens(1, getattr(config, name))):
                make(scene)
    return maker.devices()


class _Maker:
    """Collect the samples of devices, one device after another."""

    def __init__(
        self,
        trees: Trees,
        cameras: Cameras,
        opacity: Tensor,
        config: SynthesisConfig,
        draws: Draws,
    ) -> None:
        self.trees, self.cameras = trees, cameras
        self.opacity, self.draws = opacity, draws
        self.catheter_density = config.catheter_density
        self.territory = territory_of(config)
        self.px_per_mm = px_per_mm(config)
        self.number = 0
        self.catheters: list[int] = []
        self.tethered: list[TetheredSamples] = []
        self.in_vessel: list[VesselSamples] = []
        self.ostia = trees.first_samples(len(opacity))

    def _one(self, low: float, high: float) -> float:
        return float(self.draws.uniform(1, low, high))

    def _ostium(self, scene: int) -> tuple[Tensor, Tensor]:
        """Return the ostium in space ``(1, 3)`` and in the picture ``(2,)``."""
        point = self.trees.points[self.ostia[scene]][None]
        which = torch.full((1,), scene, device=point.device)
        return point, self.cameras.project(point, which)[0]

    def _place(
        self,
        scene: int,
        course: Tensor,
        radius: float | Tensor,
        absorbance: float,
        anchor: Tensor,
        follow: float | Tensor,
        layer: int,
    ) -> None:
        """Add a device along a polyline ``(K, 2)``, resampled to even steps."""
        course = even(course)
        n, device = len(course), course.device
        ones = torch.ones(n, device=device)

        def along(value: float | Tensor) -> Tensor:
            """Return a value for each sample ``(n,)``, from one or several numbers."""
            if isinstance(value, Tensor):
                share = torch.linspace(0, len(value) - 1, n, device=device)
                return value[share.round().long()]
            return ones * value

        whole = torch.ones(n, dtype=torch.long, device=device)
        self.tethered.append(
            TetheredSamples(
                course, along(radius), ones * absorbance, anchor.expand(n, 3),
                along(follow), whole * layer, whole * scene, whole * self.number,
            )
        )  # fmt: skip
        self.number += 1

    def catheter(self, scene: int) -> None:
        """Add a catheter that reaches the ostium from where it usually comes."""
        anchor, ostium = self._ostium(scene)
        if self.territory is None:
            course = bent_course(ostium, self.draws)
        else:
            course = self.territory.catheter(
                anchor[0], ahead_at(self.trees, self.ostia[scene]), self.cameras, scene,
                self.draws,
            )  # fmt: skip
        way = torch.linspace(0, 1, len(course), device=ostium.device)
        follow = torch.exp(-((way * length(course) / CATHETER_LOOSE_PX) ** 2))
        dense = float(self.opacity[scene]) * self._one(*self.catheter_density)
        radius = self.px_per_mm / PX_PER_MM * self._one(2.6, 4.4)
        self.catheters.append(self.number)
        self._place(scene, course, radius, dense, anchor, follow, TISSUE)

    def lead(self, scene: int) -> None:
        """Add one or two pacemaker leads, whose tips move with the heart."""
        for _ in range(int(self.draws.integers(1, 1, 3))):
            inside = (self.trees.scene == scene).nonzero()[:, 0]
            chosen = inside[int(self.draws.integers(1, 0, len(inside)))]
            anchor = self.trees.points[chosen][None] * 0.9
            which = torch.full((1,), scene, device=anchor.device)
            x, y = self.cameras.project(anchor, which)[0].tolist()
            course = bezier(
                [
                    (x, y), (x + self._one(-80, 80), y + self._one(20, 90)),
                    (self._one(0, 512), self._one(0, 300)),
                    (self._one(-50, 560), OUTSIDE_PX),
                ],
                anchor.device,
            )  # fmt: skip
            way = torch.linspace(0, 1, len(course), device=anchor.device)
            way = way * length(course)
            follow = torch.exp(-((way / LEAD_LOOSE_PX) ** 2))
            ring = (way < 9) | ((way > 24) & (way < 31))
            radius = torch.where(ring, 2.6, 1.3)
            dense = self._one(0.05, 0.12)
            self._place(scene, course, radius, dense, anchor, follow, TISSUE)

    def sternal_wires(self, scene: int) -> None:
        """Add a column of twisted wire loops, and clips beside them."""
        anchor, _ = self._ostium(scene)
        x, lean = self._one(120, 400), self._one(-0.3, 0.3)
        turn = torch.linspace(0, 2 * math.pi, 60, device=anchor.device)
        for y in torch.arange(self._one(-20, 60), 520, self._one(80, 130)).tolist():
            wide, high = self._one(9, 18), self._one(5, 11)
            middle = x + lean * (y - 256)
            loop = torch.stack(
                (middle + wide * turn.cos(), y + high * turn.sin()), dim=1
            )
            knot = torch.stack(
                (middle + 3 * torch.sin(5 * turn), y + high + 2.2 * turn), dim=1
            )
            for course in (loop, knot):
                self._place(scene, course, 0.9, 0.16, anchor, 0.0, RIBS)
        for _ in range(int(self.draws.integers(1, 0, 6))):
            start = torch.tensor([self._one(60, 450), self._one(60, 450)])
            angle = self._one(0, math.pi)
            ahead = torch.tensor([math.cos(angle), math.sin(angle)]) * 8
            course = torch.stack((start, start + ahead)).to(anchor.device)
            self._place(scene, course, 1.1, 0.14, anchor, 0.6, TISSUE)

    def electrode(self, scene: int) -> None:
        """Add an ECG electrode on the skin with its cable."""
        anchor, _ = self._ostium(scene)
        x, y = self._one(0, 512), self._one(0, 512)
        button = torch.tensor([[x, y], [x + 0.5, y]], device=anchor.device)
        # an electrode is a single sample, so this is all of its absorbance
        dense = self._one(0.08, 0.3)
        self._place(scene, button, self._one(7, 13), dense, anchor, 0.0, SPINE)
        cable = bezier(
            [
                (x, y), (x + self._one(-150, 150), y + self._one(-150, 150)),
                (self._one(0, 512), self._one(0, 512)),
                (self._one(-100, 600), 512 - OUTSIDE_PX),
            ],
            anchor.device,
        )  # fmt: skip
        self._place(scene, cable, 1.1, self._one(0.02, 0.08), anchor, 0.0, SPINE)

    def stent(self, scene: int) -> None:
        """Add a stent in a vessel, or a guide wire along it."""
        trees = self.trees
        wide = ((trees.scene == scene) & (trees.radii > 2.2)).nonzero()[:, 0]
        if len(wide) < 200:
            return
        at = int(wide[int(self.draws.integers(1, 0, len(wide) - 150))])
        same = trees.branch[at : at + int(self._one(50, 110))] == trees.branch[at]
        samples = torch.arange(at, at + int(same.sum()), device=wide.device)
        radius = trees.radii[samples]
        way = torch.arange(len(samples), device=wide.device)
        if self._one(0, 1) < 0.3:
            self._place_in_vessel(
                samples, 0.4 * radius * torch.sin(way / 25), 0.7, 0.25
            )
            return
        for strut in range(4):
            phase = 2 * math.pi * (way / self._one(9, 15) + strut / 4)
            self._place_in_vessel(samples, radius * torch.sin(phase), 0.6, STRUT)
        for side in (-1, 1):
            self._place_in_vessel(samples, side * radius, 0.6, STRUT)

    def _place_in_vessel(
        self, sample: Tensor, across: Tensor, radius: float, absorbance: float
    ) -> None:
        ones = torch.ones(len(sample), device=sample.device)
        number = torch.full_like(sample, self.number)
        self.in_vessel.append(
            VesselSamples(sample, across, ones * radius, ones * absorbance, number)
        )
        self.number += 1

    def devices(self) -> Devices:
        """Return all collected devices."""
        device = self.trees.points.device
        none, no = torch.zeros(0, device=device), torch.zeros(0, device=device).long()
        empty = TetheredSamples(
            torch.zeros(0, 2, device=device), none, none,
            torch.zeros(0, 3, device=device), none, no, no, no,
        )  # fmt: skip
        nothing = VesselSamples(no, none, none, none, no)
        return Devices(
            TetheredSamples(*_columns([empty, *self.tethered])),
            VesselSamples(*_columns([nothing, *self.in_vessel])),
            torch.tensor(self.catheters, dtype=torch.long, device=device),
        )


def _columns(parts: Sequence[TetheredSamples | VesselSamples]) -> list[Tensor]:
    """Return each field of all parts, concatenated."""
    names = [field.name for field in fields(parts[0])]
    return [torch.cat([getattr(part, name) for part in parts]) for name in names]
