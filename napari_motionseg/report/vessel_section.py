"""Show measured vessels on the page: a figure and a row of the table for each."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from napari_motionseg.cine import Cine
from napari_motionseg.measurement.loop_vessel import LesionRow, LoopVessel, lesion_rows
from napari_motionseg.measurement.result_figures import (
    kymograph_figure,
    profile_figure,
)
from napari_motionseg.report.pictures import data_uri
from napari_motionseg.text import without_controls

HEADS = (
    "Vessel", "Frame", "Smallest diameter", "Reference", "Diameter stenosis",
    "Area stenosis", "Length of the lesion",
)  # fmt: skip


def vessel_section(cine: Cine, vessels: Sequence[LoopVessel]) -> str:
    """Return the table of lesions and the figures of vessels as HTML.

    Parameters
    ----------
    cine
        The loop.
    vessels
        One or more measured vessels.
    """
    rows = [
        _row(row) for one in vessels for row in lesion_rows(one.number, one.measured)
    ]
    heads = "".join(f"<th>{name}</th>" for name in HEADS)
    table = (
        f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )
    figures = "".join(_figures(cine, one) for one in vessels)
    basis = escape(without_controls(vessels[0].measured.profile.calibration.basis))
    return (
        f'<div class="card">{table}<p class="quiet">Size of a pixel: {basis}.</p></div>'
        f"{figures}"
    )


def _row(row: LesionRow) -> str:
    length = "none" if row.length is None else f"{row.length:.1f} {row.unit}"
    cells = (
        str(row.vessel),
        str(row.frame),
        f"{row.mld:.2f} {row.unit}",
        f"{row.rvd:.2f} {row.unit}",
        f"{row.percent_diameter_stenosis:.0f} %",
        f"{row.percent_area_stenosis:.0f} %",
        length,
    )
    return "<tr>" + "".join(f'<td class="right">{one}</td>' for one in cells) + "</tr>"


def _figures(cine: Cine, vessel: LoopVessel) -> str:
    words = [
        f"Vessel {vessel.number} in frame {vessel.measured.frame}. Diameters by "
        f"{vessel.measured.profile.method}, reference "
        f"{vessel.measured.reference_method}.",
        *vessel.measured.warnings,
    ]
    shown = _figure(profile_figure(cine, vessel.measured), " ".join(words))
    if vessel.followed is None:
        return shown
    words = ["The vessel followed through the loop."]
    if vessel.numbers is not None:
        found = vessel.numbers.as_dict()
        if found["heart_rate_bpm"] is not None:
            words.append(f"Heart rate from motion {found['heart_rate_bpm']:.0f} /min.")
        words += [f"{note[:1].upper()}{note[1:]}." for note in vessel.numbers.notes]
    return shown + _figure(kymograph_figure(vessel.followed), " ".join(words))


def _figure(content: bytes, caption: str) -> str:
    words = escape(without_controls(caption))
    return (
        f'<figure><img alt="{words}" style="max-width:100%" '
        f'src="{data_uri(content, "image/png")}"><figcaption>{words}</figcaption>'
        "</figure>"
    )
