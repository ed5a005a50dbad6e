"""Putting tree, motion, background and imaging together: loop, masks and exact flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.cine import Cine, View
from napari_motionseg.errors import SettingsError
from napari_motionseg.synthesis import scene, tubes
from napari_motionseg.synthesis.config import REFERENCE_SIDE, SynthesisConfig
from napari_motionseg.synthesis.motion import (
    BackgroundMotion,
    Heartbeat,
    draw_background_motion,
    draw_heartbeat,
)
from napari_motionseg.synthesis.vessels import Camera, Tree, draw_camera, grow_tree

Array = NDArray[np.float64]
Flow = NDArray[np.float32]

VISIBLE_DENSITY = 0.35  # share of full contrast from which a vessel counts as visible
CATHETER_RADIUS = 3.4
CATHETER_LOOSE_PX = 160.0  # how far from its tip the heart moves a catheter
REFERENCE_DIAMETER = 12.0  # px at 512 px; its absorbance is `SynthesisConfig.opacity`
SPACING_MM = 0.27  # of a px at 512 px, at the isocentre


@dataclass(frozen=True)
class Scene:
    """All that a seed draws; what is where at any time follows from it.

    Parameters
    ----------
    config
        The ranges it was drawn from.
    tree, camera, beat, ground
        Vessels, view, heartbeat and the background's motion.
    bolus
        Contrast over time.
    imaging
        The chain to gray values.
    texture
        Absorbance of the background, spline coefficients on the canvas.
    catheter
        ``(N, 2)`` centreline at rest, tip first; None for none.
    opacity
        Absorbance of a filled vessel of 12 px.
    """

    config: SynthesisConfig
    tree: Tree
    camera: Camera
    beat: Heartbeat
    ground: BackgroundMotion
    bolus: scene.Bolus
    imaging: scene.Imaging
    texture: NDArray[np.float32]
    catheter: Array | None
    opacity: float

    def time(self, t: float) -> float:
        """Return the seconds at frame `t`."""
        return t / self.config.frame_rate

    def pixels(self) -> Array:
        """Return x, y of all pixel centres ``(2, H, W)``, px of the loop."""
        rows, columns = np.indices(self.config.shape, dtype=float)
        return np.stack((columns, rows))

    def to_reference(self, points: Array) -> Array:
        """Turn px of the loop ``(2, ...)`` into px at 512 px."""
        reference: Array = (points - self._margin(points.ndim)) / self.config.scale
        return reference

    def from_reference(self, points: Array) -> Array:
        """Turn px at 512 px ``(2, ...)`` into px of the loop."""
        own: Array = points * self.config.scale + self._margin(points.ndim)
        return own

    def _margin(self, ndim: int) -> Array:
        """Return where the square of the scene begins in a picture that is wider."""
        rows, columns = self.config.shape
        spare = np.array([columns, rows], float) - REFERENCE_SIDE * self.config.scale
        return (spare / 2).reshape((2,) + (1,) * (ndim - 1))

    def vessels(self, time: float) -> tubes.Tubes:
        """Return the tree in the picture at `time` (s), px of the loop."""
        space = self.beat.move(self.tree.points, time)
        centres = self.camera.project(space) + self.ground.rigid(time)
        seen = np.linalg.norm(np.gradient(centres, axis=0), axis=1)
        length = np.linalg.norm(np.gradient(space, axis=0), axis=1)
        return tubes.Tubes(
            self.from_reference(centres.T).T,
            self.tree.radii * self.config.scale,
            self.tree.branch,
            length / np.maximum(seen, 1e-3),
        )

    def wire(self, time: float) -> tubes.Tubes | None:
        """Return the catheter at `time`: its tip rides on the ostium."""
        if self.catheter is None:
            return None
        ostium = self.tree.points[:1]
        rest = self.camera.project(ostium)
        moved = self.camera.project(self.beat.move(ostium, time))
        way = (
            np.arange(len(self.catheter))
            * np.linalg.norm(np.diff(self.catheter, axis=0), axis=1).mean()
        )
        give = np.exp(-((way / CATHETER_LOOSE_PX) ** 2))[:, None]
        centres = self.catheter + give * (moved - rest) + self.ground.rigid(time)
        ones = np.ones(len(centres))
        return tubes.Tubes(
            self.from_reference(centres.T).T,
            ones * CATHETER_RADIUS * self.config.scale,
            np.zeros(len(centres), np.intp),
            ones,
        )

    def background(self, time: float) -> Array:
        """Return the absorbance ``(H, W)`` of what is no vessel and no catheter."""
        rest = self.ground.origin(self.to_reference(self.pixels()), time)
        x, y = (rest + scene.BORDER) * self.config.scale
        sampled: Array = ndimage.map_coordinates(
            self.texture, (y, x), order=3, prefilter=False, mode="mirror"
        )
        return sampled

    def density(self, time: float) -> Array:
        """Return the contrast ``(N,)`` at each sample of the tree."""
        return self.bolus.density(self.tree.path, time)

    def frame(
        self, t: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return frame `t` and its vessel mask."""
        time = self.time(t)
        absorbance = self.background(time).ravel()
        per_px = self.opacity / (REFERENCE_DIAMETER * self.config.scale)
        vessels, density = self.vessels(time), self.density(time)
        hits = tubes.draw(vessels, self.config.shape)
        length = tubes.path_length(vessels, hits) * density[hits.sample]
        np.add.at(absorbance, hits.pixel, per_px * length)
        wire = self.wire(time)
        if wire is not None:
            on_wire = tubes.draw(wire, self.config.shape)
            dense = 0.6 * per_px * tubes.path_length(wire, on_wire)
            np.add.at(absorbance, on_wire.pixel, dense)
        picture = self.imaging.expose(absorbance.reshape(self.config.shape), rng)
        mask = self._filled(vessels, hits, density)
        return picture, mask.reshape(self.config.shape) & self.imaging.open_field

    def _filled(
        self, vessels: tubes.Tubes, hits: tubes.Hits, density: Array
    ) -> NDArray[np.bool_]:
        rows, columns = self.config.shape
        filled = np.zeros(rows * columns, bool)
        # half a pixel at least, or the thinnest branches would be dotted
        radius = np.maximum(vessels.radii[hits.sample], 0.5)
        seen = (hits.distance <= radius) & (density[hits.sample] >= VISIBLE_DENSITY)
        filled[hits.pixel[seen]] = True
        return filled


@dataclass(frozen=True)
class SyntheticCine:
    """A synthetic loop and the truth about it.

    Parameters
    ----------
    cine
        The loop.
    masks
        ``(T, H, W)`` bool: vessels that hold at least a third of full contrast, within
        their radius. The catheter is no vessel.
    scene
        What it was drawn from.
    """

    cine: Cine
    masks: NDArray[np.bool_]
    scene: Scene

    def flow(self, t: int, u: int) -> Flow:
        """Return the true flow from frame `t` to frame `u`.

        Returns
        -------
        ndarray
            ``(2, H, W)`` float32, px, x then y. Where a vessel with contrast lies in
            frame t it is the vessel's (of the one that absorbs most), else the
            catheter's where it lies, else the background's. It follows the point even
            where another layer hides it in frame u.
        """
        self._check(t, u)
        layers = self._layers(t, u)
        flow = layers["background"].copy()
        for name in ("catheter", "vessels"):
            if name in layers:
                alpha = self.layer_alphas(t)[name] >= 0.5
                flow[:, alpha] = layers[name][:, alpha]
        return flow

    def layer_flows(self, t: int, u: int) -> dict[str, Flow]:
        """Return each layer's flow from `t` to `u` over the whole picture.

        Beside a vessel it is that of the nearest point of a centreline, carried along.
        """
        self._check(t, u)
        return self._layers(t, u)

    def layer_alphas(self, t: int) -> dict[str, NDArray[np.float32]]:
        """Return where each layer lies in frame `t`: ``(H, W)``, 1 there, else 0.

        Layers are ``background``, ``catheter`` if there is one, and ``vessels``; the
        later ones cover the earlier.
        """
        self._check(t, t)
        shape, time = self.scene.config.shape, self.scene.time(t)
        alphas = {"background": np.ones(shape, np.float32)}
        wire = self.scene.wire(time)
        if wire is not None:
            hits = tubes.draw(wire, shape)
            on = np.zeros(shape, np.float32)
            on.ravel()[hits.pixel[hits.distance <= wire.radii[hits.sample]]] = 1
            alphas["catheter"] = on
        vessels = self.scene.vessels(time)
        hits = tubes.draw(vessels, shape)
        filled = self.scene._filled(vessels, hits, self.scene.density(time))
        alphas["vessels"] = filled.reshape(shape).astype(np.float32)
        return alphas

    def _layers(self, t: int, u: int) -> dict[str, Flow]:
        here, there = self.scene.time(t), self.scene.time(u)
        pixels = self.scene.pixels()
        points = pixels.reshape(2, -1).T
        vessels = self.scene.vessels(here)
        front = _front_samples(vessels, self.scene.density(here), points, pixels.shape)
        flows = {
            "background": self._background_flow(pixels, here, there),
            "vessels": _tube_flow(vessels, self.scene.vessels(there), points, front),
        }
        wire, wire_then = self.scene.wire(here), self.scene.wire(there)
        if wire is not None and wire_then is not None:
            nearest = tubes.nearest_samples(wire, points)
            flows["catheter"] = _tube_flow(wire, wire_then, points, nearest)
        return {n: f.reshape(pixels.shape).astype(np.float32) for n, f in flows.items()}

    def _background_flow(self, pixels: Array, here: float, there: float) -> Array:
        ground = self.scene.ground
        reference = self.scene.to_reference(pixels)
        rest = ground.origin(reference, here)
        moved = rest + ground.displacement(rest, there)
        return (moved - reference) * self.scene.config.scale

    def _check(self, t: int, u: int) -> None:
        for frame in (t, u):
            if not 0 <= frame < len(self.cine):
                raise SettingsError(
                    f"frame {frame} is outside the loop's 0 to {len(self.cine) - 1}"
                )


def synthesize_cine(
    config: SynthesisConfig | None = None, seed: int = 0
) -> SyntheticCine:
    """Make an angiogram whose vessels and motion are known exactly.

    Parameters
    ----------
    config
        Size and ranges.
    seed
        Draws the rest; the same seed gives the same pixels.
    """
    config = config or SynthesisConfig()
    made = draw_scene(config, seed)
    grain = np.random.default_rng([seed, 1])
    frames, masks = zip(
        *(made.frame(t, grain) for t in range(config.frames)), strict=True
    )
    spacing = SPACING_MM / config.scale
    cine = Cine.from_array(
        np.stack(frames),
        frame_times=np.arange(config.frames) * 1000 / config.frame_rate,
        pixel_spacing=(spacing, spacing),
        spacing_basis="known: synthetic",
        view=View(round(made.camera.primary, 1), round(made.camera.secondary, 1)),
        name=f"synthetic-{seed}",
        intensity_relationship="DISP",
        technical={"modality": "XA", "synthetic_seed": seed},
    )
    return SyntheticCine(cine, np.stack(masks), made)


def draw_scene(config: SynthesisConfig, seed: int) -> Scene:
    """Draw all that a loop is made of."""
    rng = np.random.default_rng([seed, 0])
    side = config.tree if config.tree != "any" else str(rng.choice(["left", "right"]))
    tree = grow_tree(side, config.generations, rng)
    camera = _centred(draw_camera(rng), tree)
    beat = draw_heartbeat(config, rng)
    ground = draw_background_motion(config, camera.centre, beat, rng)
    duration = config.frames / config.frame_rate
    texture = scene.draw_background(config, rng)
    ostium = camera.project(tree.points[:1])[0]
    catheter = scene.catheter_course(ostium, rng) if config.catheter else None
    return Scene(
        config=config,
        tree=tree,
        camera=camera,
        beat=beat,
        ground=ground,
        bolus=scene.draw_bolus(config, duration, rng),
        imaging=scene.draw_imaging(config, rng),
        texture=ndimage.spline_filter(texture, order=3, output=np.float32),
        catheter=catheter,
        opacity=rng.uniform(*config.opacity),
    )


def _centred(camera: Camera, tree: Tree) -> Camera:
    """Point the camera at the tree, as the operator does."""
    middle = camera.project(tree.points).mean(axis=0) - camera.centre
    centre = camera.centre - 0.85 * middle
    return Camera(camera.rotation, centre, camera.primary, camera.secondary)


def _front_samples(
    vessels: tubes.Tubes, density: Array, points: Array, shape: tuple[int, ...]
) -> NDArray[np.intp]:
    """Return the sample whose motion each pixel has.

    That of the visible tube that absorbs most where tubes cross, else the nearest.
    """
    front = tubes.nearest_samples(vessels, points)
    hits = tubes.draw(vessels, (shape[1], shape[2]))
    seen = density[hits.sample] >= VISIBLE_DENSITY
    absorbed = tubes.path_length(vessels, hits) * density[hits.sample] * seen
    order = np.argsort(absorbed, kind="stable")
    order = order[absorbed[order] > 0]
    front[hits.pixel[order]] = hits.sample[order]  # the last, darkest one stays
    return front


def _tube_flow(
    now: tubes.Tubes, then: tubes.Tubes, points: Array, sample: NDArray[np.intp]
) -> Array:
    return (tubes.follow(points, sample, now, then) - points).T
