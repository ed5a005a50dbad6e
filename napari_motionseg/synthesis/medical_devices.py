"""Catheter, leads, wires, electrodes and stents: tubes that are no vessels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.curves import STEP_PX, bezier, even, length
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.geometry import Cameras
from napari_motionseg.synthesis.motion import RIBS, SPINE, TISSUE, LayerMotions
from napari_motionseg.synthesis.tubes import Tubes
from napari_motionseg.synthesis.vessels import Trees

CATHETER_LOOSE_PX = 160.0  # how far from its tip the heart moves a catheter
LEAD_LOOSE_PX = 260.0
STRUT = 0.25  # absorbance of a stent's metal, a px of way
OUTSIDE_PX = -140.0  # where what enters the picture begins


@dataclass(frozen=True)
class Anchored:
    """Samples that lie in the picture and are dragged along by a point of the heart.

    Parameters
    ----------
    rest
        ``(N, 2)`` px at 512 px.
    radii, absorbance
        ``(N,)`` px, and what a px of way absorbs.
    anchor
        ``(N, 3)`` the point of the resting heart.
    give
        ``(N,)`` share of its motion that is taken over.
    layer
        ``(N,)`` what it lies on otherwise, see `LayerMotions`.
    scene, branch
        ``(N,)``.
    """

    rest: Tensor
    radii: Tensor
    absorbance: Tensor
    anchor: Tensor
    give: Tensor
    layer: Tensor
    scene: Tensor
    branch: Tensor


@dataclass(frozen=True)
class Riding:
    """Samples that sit in a vessel.

    Parameters
    ----------
    sample
        ``(N,)`` of the trees.
    across
        ``(N,)`` px to the side of the centreline, at 512 px.
    radii, absorbance
        ``(N,)``.
    branch
        ``(N,)``.
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
    anchored, riding
        The two ways to move.
    """

    anchored: Anchored
    riding: Riding

    def tubes(
        self,
        vessels: Tubes,
        cameras: Cameras,
        layers: LayerMotions,
        time: Tensor,
        to_px: tuple[float, Tensor],
    ) -> tuple[Tubes, Tensor]:
        """Return where they are at times ``(B,)``, and what a px of each absorbs.

        Parameters
        ----------
        vessels
            The trees at those times, px of the loop.
        cameras, layers
            Views, and motions of the layers that devices lie on.
        time
            Seconds.
        to_px
            Scale and offset ``(2,)`` from px at 512 px to those of the loop.
        """
        scale, offset = to_px
        still, inside = self.anchored, self.riding
        moved = layers.beats.move(still.anchor, still.scene, time)
        pulled = cameras.project(moved, still.scene)
        pulled = pulled - cameras.project(still.anchor, still.scene)
        places = still.rest + still.give[:, None] * pulled
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
        """Return the shift ``(N, 2)`` by breathing and table."""
        still, total = self.anchored, torch.zeros_like(self.anchored.rest)
        rigid = layers.rigid(time)[still.scene]
        for layer in (SPINE, RIBS):
            on = still.layer == layer
            own = _rows(layers, still.scene[on])
            points = still.rest[on][:, :, None]
            moved = own.place(layer, points, time[still.scene[on]]) - points
            total[on] = moved[..., 0]
        return torch.where((still.layer == TISSUE)[:, None], rigid, total)

    def _steps(self) -> Tensor:
        """Return the length that each sample stands for, px at 512 px."""
        count = len(self.anchored.scene) + len(self.riding.sample)
        return torch.full((count,), STEP_PX, device=self.anchored.rest.device)


def _rows(layers: LayerMotions, scene: Tensor) -> LayerMotions:
    """Return the motions of `scene` ``(N,)`` as N scenes."""
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
    """Return the devices of all scenes.

    Parameters
    ----------
    config
        Shares of scenes that have each.
    trees, cameras
        What they hang on, and the view.
    opacity
        ``(B,)`` what a px of a filled vessel absorbs, at 512 px.
    draws
        Which, where and how.
    """
    maker = _Maker(trees, cameras, opacity, draws)
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
    """Collects samples of devices, one device after the other."""

    def __init__(
        self, trees: Trees, cameras: Cameras, opacity: Tensor, draws: Draws
    ) -> None:
        self.trees, self.cameras = trees, cameras
        self.opacity, self.draws = opacity, draws
        self.number = 0
        self.anchored: list[Anchored] = []
        self.riding: list[Riding] = []
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
        give: float | Tensor,
        layer: int,
    ) -> None:
        """Add a wire along a polyline ``(K, 2)``, resampled to even steps."""
        course = even(course)
        n, device = len(course), course.device
        ones = torch.ones(n, device=device)

        def along(value: float | Tensor) -> Tensor:
            if isinstance(value, Tensor):
                share = torch.linspace(0, len(value) - 1, n, device=device)
                return value[share.round().long()]
            return ones * value

        whole = torch.ones(n, dtype=torch.long, device=device)
        self.anchored.append(
            Anchored(
                course, along(radius), ones * absorbance, anchor.expand(n, 3),
                along(give), whole * layer, whole * scene, whole * self.number,
            )
        )  # fmt: skip
        self.number += 1

    def catheter(self, scene: int) -> None:
        """Add a catheter that comes down the aorta, or up from below, to the ostium."""
        anchor, ostium = self._ostium(scene)
        x, y = ostium.tolist()
        above = self._one(0, 1) < 0.8
        start = OUTSIDE_PX if above else 512 - OUTSIDE_PX
        side = 1 if self._one(0, 1) < 0.5 else -1
        toward = -1 if above else 1
        entry_x = x + self._one(-140, 90)
        bend = y - toward * self._one(-10, 45)
        course = bezier(
            [
                (entry_x, start), (entry_x + self._one(-40, 40), bend + toward * 120),
                (x + side * self._one(15, 70), bend), (x, y),
            ],
            ostium.device,
        )  # fmt: skip
        course = course.flip(0)  # the tip first
        way = torch.linspace(0, 1, len(course), device=ostium.device)
        give = torch.exp(-((way * length(course) / CATHETER_LOOSE_PX) ** 2))
        dense = float(self.opacity[scene]) * self._one(0.25, 0.8)
        radius = self._one(2.6, 4.4)
        self._place(scene, course, radius, dense, anchor, give, TISSUE)

    def lead(self, scene: int) -> None:
        """Add one or two leads of a pacemaker, whose tips the heart moves."""
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
            give = torch.exp(-((way / LEAD_LOOSE_PX) ** 2))
            ring = (way < 9) | ((way > 24) & (way < 31))
            radius = torch.where(ring, 2.6, 1.3)
            dense = self._one(0.05, 0.12)
            self._place(scene, course, radius, dense, anchor, give, TISSUE)

    def sternal_wires(self, scene: int) -> None:
        """Add a row of twisted wire loops, and clips beside them."""
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
        # a button is one sample, so this is all that it absorbs
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
            self._ride(samples, 0.4 * radius * torch.sin(way / 25), 0.7, 0.25)
            return
        for strut in range(4):
            phase = 2 * math.pi * (way / self._one(9, 15) + strut / 4)
            self._ride(samples, radius * torch.sin(phase), 0.6, STRUT)
        for side in (-1, 1):
            self._ride(samples, side * radius, 0.6, STRUT)

    def _ride(
        self, sample: Tensor, across: Tensor, radius: float, absorbance: float
    ) -> None:
        ones = torch.ones(len(sample), device=sample.device)
        number = torch.full_like(sample, self.number)
        self.riding.append(
            Riding(sample, across, ones * radius, ones * absorbance, number)
        )
        self.number += 1

    def devices(self) -> Devices:
        """Return all that was made."""
        device = self.trees.points.device
        none, no = torch.zeros(0, device=device), torch.zeros(0, device=device).long()
        empty = Anchored(
            torch.zeros(0, 2, device=device), none, none,
            torch.zeros(0, 3, device=device), none, no, no, no,
        )  # fmt: skip
        nothing = Riding(no, none, none, none, no)
        return Devices(
            Anchored(*_columns([empty, *self.anchored])),
            Riding(*_columns([nothing, *self.riding])),
        )


def _columns(parts: Sequence[Anchored | Riding]) -> list[Tensor]:
    """Return each field of all parts, one after the other."""
    names = [field.name for field in fields(parts[0])]
    return [torch.cat([getattr(part, name) for part in parts]) for name in names]
