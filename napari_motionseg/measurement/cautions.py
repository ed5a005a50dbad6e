"""Say in words where a measured vessel must not be trusted.

Three things show in the fitted tubes. Where a lumen absorbs no more than noise, it is
closed, or the line has crossed from one vessel to another. Where contrast seems denser
than in the rest of the vessel, rays run along it and not across: it is foreshortened,
or another vessel lies behind it. And where the line nears the border of the picture, a
part of the vessel cannot be seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.measurement.diameters import DiameterProfile
from napari_motionseg.measurement.flag_runs import long_runs
from napari_motionseg.measurement.stenosis import Lesion
from napari_motionseg.measurement.tube_profile import tube_profile

Array = NDArray[np.float64]

LEAST_DEPTH = 1.0  # of a lumen that is seen, in noises of a pixel
SHORTEST_GAP_PX = 3.0
DENSE = 1.6  # times the usual contrast; rays cross at an angle of 39 degrees or less
SHORTEST_DENSE_PX = 6.0


def closed_sections(profile: DiameterProfile) -> NDArray[np.bool_]:
    """Return ``(N,)`` bool, True where a lumen cannot be told from noise.

    Parameters
    ----------
    profile
        Diameters along the vessel.
    """
    fit = profile.fit
    middle = np.zeros((len(fit.radius), 1))
    depth = fit.contrast * tube_profile(middle, fit.radius, fit.blur).value[:, 0]
    closed = depth < LEAST_DEPTH * fit.noise
    return long_runs(closed, SHORTEST_GAP_PX / profile.line.step)


def cautions(profile: DiameterProfile, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return full sentences about what must not be trusted; none if all is well.

    Parameters
    ----------
    profile
        Diameters along the vessel.
    shape
        Shape ``(H, W)`` of the frame.
    """
    found = []
    closed = closed_sections(profile)
    if closed.any():
        place = _where(profile, closed)
        found.append(
            f"The lumen cannot be told from its surroundings {place}: the vessel is "
            "closed there, or the points lie on two vessels."
        )
    usual = float(np.median(profile.fit.contrast))
    dense = profile.fit.contrast > DENSE * usual
    dense = long_runs(dense & ~closed, SHORTEST_DENSE_PX / profile.line.step)
    if dense.any():
        found.append(
            f"Contrast seems denser {_where(profile, dense)}: the vessel runs towards "
            "the detector there (foreshortening), or another one crosses it. Do not "
            "trust lengths and diameters of this part."
        )
    radius = np.maximum(profile.fit.radius, 1.0)[:, None]
    limits = np.asarray(shape, float) - 1
    points = profile.line.points
    cut: NDArray[np.bool_] = np.any(
        (points < radius) | (points > limits - radius), axis=1
    )
    if cut.any():
        found.append(
            f"The vessel reaches the border of the picture {_where(profile, cut)}."
        )
    return tuple(found)


def lesion_cautions(
    profile: DiameterProfile, lesions: Sequence[Lesion]
) -> tuple[str, ...]:
    """Return full sentences about lesions that must not be trusted.

    A narrowing that reaches an end of the line has only one border. It may be a part of
    the lesion, or a smaller vessel in which the line begins or ends.

    Parameters
    ----------
    profile
        Diameters along the vessel.
    lesions
        Narrowings along the vessel.
    """
    last = len(profile.line) - 1
    cut = [one for one in lesions if one.start == 0 or one.end == last]
    if not cut:
        return ()
    ends = " and ".join(
        name
        for name, there in (
            ("first", any(one.start == 0 for one in cut)),
            ("last", any(one.end == last for one in cut)),
        )
        if there
    )
    return (
        f"A narrowing reaches the {ends} point: its border is not seen. Move the point "
        "beyond the lesion. A smaller branch in which the line ends is no stenosis.",
    )


def _where(profile: DiameterProfile, flags: NDArray[np.bool_]) -> str:
    """Describe the first and the last of the flagged sections."""
    length, unit = profile.arc_length, profile.calibration.unit
    places = np.flatnonzero(flags)
    return f"from {length[places[0]]:.1f} to {length[places[-1]]:.1f} {unit}"
