"""A broken optional part costs that part alone; every header leads to an answer."""

import dataclasses
import json
import warnings

import numpy as np
import pytest
from helpers import damaged_headers as damaged
from helpers import dicom_files as files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_motionseg.cine.mask_subtraction import first_subtraction, subtract_masks
from napari_motionseg.errors import MotionSegError, PartialReadWarning
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_technical import PATIENT, TECHNICAL
from napari_motionseg.io.optional_parts import OptionalParts

FIELDS = (
    "frame_times", "timing_basis", "pixel_spacing", "window", "view", "subtraction",
    "valid_area", "intensity_relationship", "ecg", "r_waves",
)  # fmt: skip
SHUTTER = ("Shape", "LeftVerticalEdge", "RightVerticalEdge", "UpperHorizontalEdge",
           "LowerHorizontalEdge")  # fmt: skip
# What each attribute may change besides `technical` and `patient`
CHANGES = {
    "FrameTime": {"frame_times", "timing_basis"},
    "FrameIncrementPointer": set(),
    "ImagerPixelSpacing": {"pixel_spacing"},
    "EstimatedRadiographicMagnificationFactor": {"pixel_spacing"},
    "PixelSpacing": {"pixel_spacing"},
    "PositionerPrimaryAngle": {"view"},
    "PositionerSecondaryAngle": {"view"},
    "WindowCenter": {"window"},
    "WindowWidth": {"window"},
    "VOILUTSequence": {"window"},
    "VOILUTFunction": set(),
    "MaskSubtractionSequence": {"subtraction"},
    "PixelIntensityRelationship": {"intensity_relationship"},
    "WaveformSequence": {"ecg"},
    "RWavePointer": {"r_waves"},
    "PixelPaddingValue": {"valid_area"},
    "ModalityLUTSequence": set(),
    "SequenceOfUltrasoundRegions": set(),
    "SharedFunctionalGroupsSequence": set(),
    "PerFrameFunctionalGroupsSequence": set(),
    "CollimatorShape": set(),
    "InstanceNumber": set(),
    **{f"Shutter{name}": {"valid_area"} for name in SHUTTER},
}
VALUES = {
    "odd_words": (b"US", b"abc"),
    "sequence": (b"SQ", b"junk that is no item"),
    "unknown_kind": (b"XX", b"abcd"),
    "not_a_number": (b"DS", b"NaN "),
    "infinite": (b"DS", b"1e999 "),
    "text": (b"LO", b"nonsense"),
    "bytes": (b"OB", b"\xff\xfe\x00\x01"),
    "nothing": (b"DS", b""),
    "blanks": (b"DS", b"   \\  "),
    "unknown": (b"UN", b"\x01\x02\x03"),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Bytes of a file with every optional part, and what is read from it."""
    path = files.save(
        damaged.rich_dataset(), tmp_path_factory.mktemp("good") / "loop.dcm"
    )
    return path.read_bytes(), read_cine(path)


def same(one, other):
    """Whether two values of a field are equal, arrays included."""
    if dataclasses.is_dataclass(one) and type(one) is type(other):
        return same(vars(one), vars(other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return one is not None and other is not None and np.array_equal(one, other)
    return one == other


# Without these there is no picture, or no text can be read at all
NOT_OPTIONAL = ("PhotometricInterpretation", "SpecificCharacterSet")


@pytest.mark.parametrize(
    "keyword", sorted({*CHANGES, *TECHNICAL, *PATIENT} - {*NOT_OPTIONAL})
)
def test_a_broken_attribute_costs_its_own_part_alone(tmp_path, good, keyword):
    content, whole = good
    for name, value in VALUES.items():
        path = damaged.write_with(tmp_path / "loop.dcm", content, {keyword: value})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PartialReadWarning)
            cine = read_cine(path)
        np.testing.assert_array_equal(cine.frames[:], damaged.PIXELS)
        json.dumps([cine.technical, cine.notes, cine.patient], allow_nan=False)
        changed = {f for f in FIELDS if not same(getattr(cine, f), getattr(whole, f))}
        assert changed <= CHANGES.get(keyword, set()), name


@pytest.mark.parametrize(
    ("keyword", "value", "named"),
    [
        ("WaveformSequence", (b"SQ", b"junk that is no item"), "WaveformSequence"),
        ("MaskSubtractionSequence", (b"LO", b"junk"), "MaskSubtractionSequence"),
        ("VOILUTSequence", (b"XX", b"junk"), "VOILUTSequence"),
        ("ShutterShape", (b"CS", b"STAR"), "ShutterShape"),
        ("CollimatorShape", (b"CS", b"CIRCULAR"), "CollimatorShape"),
    ],
)
def test_what_is_left_out_is_named_once_in_a_warning_and_a_note(
    tmp_path, good, keyword, value, named
):
    path = damaged.write_with(tmp_path / "loop.dcm", good[0], {keyword: value})
    with pytest.warns(PartialReadWarning, match=named) as seen:
        cine = read_cine(path)
    assert len(seen) == 1
    assert sum(named in note for note in cine.notes) == 1
    assert all(note[0].isupper() and note.endswith(".") for note in cine.notes)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"NumberOfWaveformChannels": 0}, "is not a positive number"),
        ({"NumberOfWaveformChannels": None}, "is not a positive number"),
        ({"NumberOfWaveformChannels": 60000}, "is not a positive number"),
        ({"WaveformBitsAllocated": 8}, "does not fit SS samples"),
        ({"WaveformData": None}, "WaveformData is empty"),
    ],
)
def test_an_ecg_that_cannot_be_read(tmp_path, attributes, words):
    data = damaged.rich_dataset()
    for keyword, value in attributes.items():
        setattr(data.WaveformSequence[0], keyword, value)
    with pytest.warns(PartialReadWarning, match=f"waveform 0.*{words}"):
        cine = read_cine(files.save(data, tmp_path / "loop.dcm"))
    assert set(cine.ecg) == {"curve 5000"}


@pytest.mark.parametrize(
    ("kind", "values"),
    [("UB", [0, 255]), ("SB", [-1, 1]), ("US", [0, 65535]), ("SS", [-5, 5])],
)
def test_waveforms_of_every_sample_type(tmp_path, kind, values):
    dtype = {"UB": "u1", "SB": "i1", "US": "<u2", "SS": "<i2"}[kind]
    data = damaged.rich_dataset()
    wave = data.WaveformSequence[0]
    wave.WaveformSampleInterpretation = kind
    wave.WaveformBitsAllocated = 8 * np.dtype(dtype).itemsize
    wave.NumberOfWaveformChannels = 1
    wave.WaveformData = np.array(values, dtype).tobytes()
    cine = read_cine(files.save(data, tmp_path / "loop.dcm"))
    np.testing.assert_array_equal(cine.ecg["waveform 0"].samples[:, 0], values)


@pytest.mark.parametrize(
    ("value", "read", "noted"),
    [
        (b"33,3", 33.3, True),
        (b"33.3  ", 33.3, False),
        (b" +40.0", 40.0, False),
        (b"4e1\0", 40.0, False),
        (b"40\\50 ", 40.0, False),
    ],
)
def test_numbers_of_careless_writers(tmp_path, good, value, read, noted):
    path = damaged.write_with(
        tmp_path / "loop.dcm", good[0], {"FrameTime": (b"DS", value)}
    )
    cine = read_cine(path)
    assert cine.frame_interval == pytest.approx(read)
    assert any("33,3" in note for note in cine.notes) == noted


def test_an_integer_with_a_fraction_of_nothing(tmp_path, good):
    path = damaged.write_with(
        tmp_path / "loop.dcm", good[0],
        {"FrameTime": (b"DS", b""), "CineRate": (b"IS", b"10.0")},
    )  # fmt: skip
    assert read_cine(path).frame_interval == 100


def test_pydicoms_own_warnings_do_not_get_out(tmp_path, good):
    """They name no file; the tests turn each that does into an error."""
    path = damaged.write_with(
        tmp_path / "loop.dcm", good[0],
        {
            "CineRate": (b"IS", b"15.5"), "StudyDate": (b"DA", b"never!"),
            "SpecificCharacterSet": (b"CS", b"ISO_IR 999"),
            "PatientName": (b"PN", b"M\xfcller^\xff "),
        },
    )  # fmt: skip
    cine = read_cine(path)
    assert cine.patient["PatientName"]


def test_a_guard_keeps_the_default_and_says_so_once(tmp_path):
    parts = OptionalParts(tmp_path / "loop.dcm")

    def broken():
        raise ZeroDivisionError("division by zero\nand a traceback")

    with pytest.warns(PartialReadWarning, match=r"loop\.dcm: ECG cannot be read"):
        assert parts.read("ECG", broken, None) is None
    assert parts.read("ECG", broken, 3) == 3  # not warned of again
    assert parts.read("View", lambda: 5, None) == 5
    assert parts.notes == [
        "ECG cannot be read (division by zero); the loop was opened without it."
    ]
    with pytest.raises(KeyboardInterrupt):  # only damage is kept quiet
        parts.read("ECG", lambda: (_ for _ in ()).throw(KeyboardInterrupt), None)


REQUIRED = (
    "Rows", "Columns", "NumberOfFrames", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation",
    "PlanarConfiguration", "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID",
    "Modality", "IconImageSequence",
)  # fmt: skip
KINDS = [
    kind.encode()
    for kind in (
        "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "OB", "OW",
        "PN", "SH", "SL", "SQ", "SS", "TM", "UI", "UL", "UN", "US", "UT", "XX",
    )
]  # fmt: skip
NUMBERS = st.from_regex(rb"[ 0-9eE+,.\\-]{0,12}", fullmatch=True)
ITEMS = st.binary(max_size=24).map(
    lambda value: b"\xfe\xff\x00\xe0" + len(value).to_bytes(4, "little") + value
)
DAMAGES = st.dictionaries(
    st.sampled_from(sorted({*CHANGES, *TECHNICAL, *PATIENT, *REQUIRED, *NOT_OPTIONAL})),
    st.tuples(
        st.sampled_from(KINDS), st.one_of(st.binary(max_size=40), NUMBERS, ITEMS)
    ),
    min_size=1,
    max_size=4,
)


def outcome(path):
    """Read whatever a header leads to: ``"read"`` or ``"refused"``, and no other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PartialReadWarning)
        try:
            cine = read_cine(path, memory_budget=2**24)
            cine.frames[0], cine.frames[len(cine) - 1]
            json.dumps([cine.technical, cine.notes, cine.patient], allow_nan=False)
            if first_subtraction(cine) is not None:
                subtract_masks(cine)[len(cine) - 1]
        except MotionSegError:
            return "refused"
    return "read"


@settings(
    max_examples=200, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(damages=DAMAGES)
def test_every_header_is_read_or_refused(tmp_path, good, damages):
    path = damaged.write_with(tmp_path / "loop.dcm", good[0], damages)
    assert outcome(path) in ("read", "refused")
