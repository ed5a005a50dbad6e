"""Describe segments by codes of DICOM terminology, and by a colour.

Codes come from pydicom's dictionary of SNOMED CT and DICOM terms (PS3.16, CID 7150 for
categories, and the property types below it).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name
from napari_motionseg.text import printable

LONGEST_LABEL = 64  # characters of a long string (LO)
# names of classes 1, 2, ... if the user has not named them
DEFAULTS = ("artery", "catheter")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
# sRGB's primaries, brought from its white point D65 to D50 by Bradford's transform
SRGB_TO_XYZ_D50 = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
_ANATOMY, _DEVICE = ("SCT", "AnatomicalStructure"), ("SCT", "PhysicalObject")
_OTHER = ("SCT", "SpatialAndRelationalConcept")

Term = tuple[str, str]


@dataclass(frozen=True)
class SegmentKind:
    """Anatomy or device that a segment can show.

    Parameters
    ----------
    category
        Scheme and keyword of its category in pydicom's dictionary.
    type
        Scheme and keyword of its property type in pydicom's dictionary.
    color
        Recommended display color, as ``#rrggbb``.
    """

    category: Term
    type: Term
    color: str


def _artery(keyword: str, color: str) -> SegmentKind:
    return SegmentKind(_ANATOMY, ("SCT", keyword), color)


def _device(keyword: str, color: str) -> SegmentKind:
    return SegmentKind(_DEVICE, ("SCT", keyword), color)


OTHER = SegmentKind(_OTHER, ("DCM", "SelectedRegion"), "#f48fb1")
SEGMENT_KINDS: dict[str, SegmentKind] = {
    "vessel": _artery("BloodVessel", "#ff5c33"),
    "artery": _artery("Artery", "#ff5c33"),
    "coronary artery": _artery("CoronaryArtery", "#ff5c33"),
    "left coronary artery": _artery("LeftCoronaryArtery", "#ff7f50"),
    "left main coronary artery": _artery("LeftMainCoronaryArtery", "#ffb03b"),
    "left anterior descending artery": _artery(
        "LeftAnteriorDescendingCoronaryArtery", "#f4511e"
    ),
    "circumflex artery": _artery("CircumflexCoronaryArtery", "#ec407a"),
    "right coronary artery": _artery("RightCoronaryArtery", "#d84315"),
    "coronary artery graft": _artery("CoronaryArteryGraft", "#c77dff"),
    "vein": _artery("Vein", "#3d8bfd"),
    "catheter": _device("Catheter", "#ffd23f"),
    "guiding catheter": _device("GuidingCatheter", "#ffca28"),
    "guide wire": _device("GuideWire", "#2bd9a8"),
    "stent": _device("Stent", "#9ccc65"),
    "pacemaker": _device("CardiacPacemaker", "#90a4ae"),
    "pacemaker lead": _device("CardiacPacemakerLead", "#b0bec5"),
    "clip": _device("Clip", "#78909c"),
    "prosthesis": _device("Prosthesis", "#607d8b"),
    "device": SegmentKind(_DEVICE, _DEVICE, "#8d9aa3"),
    "background": SegmentKind(_OTHER, ("DCM", "Background"), "#000000"),
    "region": OTHER,
}


@dataclass(frozen=True)
class Segment:
    """One segment of a segmentation object.

    Parameters
    ----------
    number
        Number of the segment, which is the class number in the masks.
    label
        Name of the segment as displayed.
    kind
        Codes and recommended color.
    """

    number: int
    label: str
    kind: SegmentKind


def segments_of(
    highest: int, names: Sequence[str] = (), colors: Sequence[str] = ()
) -> list[Segment]:
    """Return the segments of classes 1 to `highest`.

    Parameters
    ----------
    highest
        Largest class number.
    names
        Names of classes 1, 2, ...: keys of `SEGMENT_KINDS`, or a key, an equals sign
        and any other words, as in ``"stent=old stent"``. Classes without a name are
        called ``"artery"``, ``"catheter"``, and then get a number and the code of a
        region.
    colors
        Colors of classes 1, 2, ... as ``#rrggbb``; other classes get their kind's.

    Raises
    ------
    SettingsError
        If a name or color is unknown, or there are too many names.
    """
    found = []
    for number in range(1, max(highest, len(names)) + 1):
        given = names[number - 1] if number <= len(names) else ""
        segment = _named(number, given) if given else _unnamed(number)
        if number <= len(colors):
            segment = _colored(segment, colors[number - 1])
        found.append(segment)
    return found


def _named(number: int, given: str) -> Segment:
    key, _, words = given.partition("=")
    key = key.strip().lower()
    if key not in SEGMENT_KINDS:
        raise SettingsError(unknown_name("segment", key, SEGMENT_KINDS))
    label = printable(words.strip() or key)[:LONGEST_LABEL].replace("\\", "/")
    return Segment(number, label, SEGMENT_KINDS[key])


def _unnamed(number: int) -> Segment:
    if number <= len(DEFAULTS):
        name = DEFAULTS[number - 1]
        return Segment(number, name, SEGMENT_KINDS[name])
    return Segment(number, f"class {number}", OTHER)


def known_name(words: str) -> str:
    """Return any name of a class in the form that `segments_of` accepts.

    Parameters
    ----------
    words
        Name that the user gave to a class.
    """
    plain = " ".join(words.replace("=", " ").replace(",", " ").split())
    return plain if plain.lower() in SEGMENT_KINDS else f"region={plain}"


def _colored(segment: Segment, color: str) -> Segment:
    if not _COLOR.fullmatch(color):
        raise SettingsError(f"a segment's color is given as '#rrggbb', not {color!r}")
    kind = SegmentKind(segment.kind.category, segment.kind.type, color)
    return Segment(segment.number, segment.label, kind)


def name_of_code(scheme: str, value: str, label: str) -> str:
    """Return the name of a segment of others, as `segments_of` takes it.

    Parameters
    ----------
    scheme, value
        Coding scheme and value of what the segment shows.
    label
        Name of the segment for people.
    """
    from pydicom.sr.codedict import codes

    found = "region"
    for name, kind in SEGMENT_KINDS.items():
        code = getattr(getattr(codes, kind.type[0]), kind.type[1])
        if (code.scheme_designator, code.value) == (scheme, value):
            found = name
            break
    return found if label.lower() == found else f"{found}={label}"


def code_item(scheme: str, keyword: str) -> Dataset:
    """Return a code as the item of a code sequence (PS3.3, table 8.8-1).

    Parameters
    ----------
    scheme
        ``"SCT"`` or ``"DCM"``.
    keyword
        Name of the concept in pydicom's dictionary.
    """
    from pydicom.sr.codedict import codes

    code = getattr(getattr(codes, scheme), keyword)
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    return item


def cielab(color: str) -> list[int]:
    """Return a color as DICOM's CIELab: three integers from 0 to 65535.

    Parameters
    ----------
    color
        sRGB as ``#rrggbb``.

    Notes
    -----
    PS3.3 C.10.7.1.1: L* from 0 to 100, a* and b* from -128 to 127, each spread over 16
    bits. The connection space of ICC profiles has the white point D50.
    """
    from skimage.color import xyz2lab

    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    # IEC 61966-2-1: what a screen of sRGB emits for a value
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lightness, a, b = xyz2lab(SRGB_TO_XYZ_D50 @ linear, illuminant="D50")
    values = (lightness / 100, (a + 128) / 255, (b + 128) / 255)
    return [int(np.clip(round(65535 * value), 0, 65535)) for value in values]


def color_of_cielab(values: Sequence[int]) -> str:
    """Return DICOM's CIELab as the nearest color of sRGB, as ``#rrggbb``.

    Parameters
    ----------
    values
        Three integers from 0 to 65535, see `cielab`.
    """
    from skimage.color import lab2xyz

    scaled = np.clip(np.asarray(values, np.float64), 0, 65535) / 65535
    lab = scaled * (100, 255, 255) - (0, 128, 128)
    with warnings.catch_warnings():  # of colors that no screen shows
        warnings.simplefilter("ignore")
        xyz = lab2xyz(lab, illuminant="D50")
    linear = np.clip(np.linalg.solve(SRGB_TO_XYZ_D50, xyz), 0, 1)
    rgb = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    red, green, blue = (int(v) for v in np.rint(255 * rgb))
    return f"#{red:02x}{green:02x}{blue:02x}"
