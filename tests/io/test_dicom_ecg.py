"""ECG of DICOM files: when samples were taken, and what hostile files make of that."""

import numpy as np
import pytest
from helpers import dicom_files as files
from pydicom import Dataset, uid

from napari_motionseg.io import read_cine


@pytest.fixture
def curve(tmp_path):
    """Read a loop with a curve; elements by their number and value representation."""

    def read(samples, **elements):
        data = files.xa_dataset(files.gray_frames(), FrameTime=40)
        data.add_new((0x5000, 0x0103), "US", 1)
        data.add_new((0x5000, 0x3000), "OW", np.array(samples, "<i2").tobytes())
        for name, value in elements.items():
            element, kind = NAMES[name]
            data.add_new((0x5000, element), kind, value)
        return read_cine(files.save(data, tmp_path / "ecg.dcm")).ecg["curve 5000"]

    return read


NAMES = {
    "dimensions": (0x0005, "US"), "kind": (0x0020, "CS"), "units": (0x0030, "SH"),
    "descriptor": (0x0110, "US"), "start": (0x0112, "US"), "step": (0x0114, "US"),
}  # fmt: skip


def test_a_curve_of_even_steps(curve):
    trace = curve(
        [4, 5, 6], kind="ECG", units=["MSEC", "UVOLT"], dimensions=2, descriptor=[0, 1],
        start=10, step=4,
    )  # fmt: skip
    np.testing.assert_array_equal(trace.samples, [4, 5, 6])
    np.testing.assert_allclose(trace.times, [10, 14, 18])
    assert trace.kind == "ECG"


def test_a_curve_of_pairs_of_time_and_value(curve):
    trace = curve([0, 4, 1, 5, 3, 6], dimensions=2, units=["SEC", "VOLT"])
    np.testing.assert_array_equal(trace.samples, [4, 5, 6])
    np.testing.assert_allclose(trace.times, [0, 1000, 3000])


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"step": 4},  # of what?
        {"step": 4, "units": ["PIXL", "VOLT"]},
        {"step": 0, "units": ["MSEC", "VOLT"]},
        {"step": 65535, "units": ["SEC", "VOLT"]},
        {"dimensions": 0},
        {"dimensions": 65535, "descriptor": [1]},
        {"units": ["", ""], "descriptor": [0]},
    ],
)
def test_a_curve_that_does_not_say_when(curve, elements):
    trace = curve([4, 5, 6], **elements)
    np.testing.assert_array_equal(trace.samples, [4, 5, 6])
    assert trace.times is None


@pytest.mark.parametrize("pairs", [[0, 4, 0, 5], [3, 4, 1, 5]])
def test_times_that_do_not_rise_are_not_believed(curve, pairs):
    trace = curve(pairs, dimensions=2, units=["MSEC", "VOLT"])
    np.testing.assert_array_equal(trace.samples, [4, 5])
    assert trace.times is None


def waveform(tmp_path, **attributes):
    data = files.xa_dataset(files.gray_frames(), FrameTime=40)
    wave = Dataset()
    wave.NumberOfWaveformChannels = 2
    wave.WaveformBitsAllocated = 16
    wave.add_new("WaveformData", "OW", np.arange(8, dtype="<i2").tobytes())
    for keyword, value in attributes.items():
        setattr(wave, keyword, value)
    data.WaveformSequence = [wave]
    return read_cine(files.save(data, tmp_path / "ecg.dcm")).ecg["waveform 0"]


def test_a_waveform_of_a_frequency(tmp_path):
    trace = waveform(tmp_path, SamplingFrequency=250, MultiplexGroupTimeOffset=-8)
    np.testing.assert_allclose(trace.times, [-8, -4, 0, 4])
    assert trace.samples.shape == (4, 2)


def test_samples_in_the_byte_order_of_the_file(tmp_path):
    """The signals of big-endian files are big-endian words, too (PS3.5 A.3)."""
    data = files.xa_dataset(files.gray_frames(), syntax=uid.ExplicitVRBigEndian)
    wave = files.item(
        NumberOfWaveformChannels=2, WaveformBitsAllocated=16, SamplingFrequency=250
    )
    wave.add_new("WaveformData", "OW", np.arange(8, dtype=">i2").tobytes())
    data.WaveformSequence = [wave]
    data.add_new((0x5000, 0x0103), "US", 1)
    data.add_new((0x5000, 0x3000), "OW", np.arange(5, dtype=">i2").tobytes())
    signals = read_cine(files.save(data, tmp_path / "ecg.dcm")).ecg
    np.testing.assert_array_equal(
        signals["waveform 0"].samples, np.arange(8).reshape(4, 2)
    )
    np.testing.assert_array_equal(signals["curve 5000"].samples, np.arange(5))


@pytest.mark.parametrize("frequency", [0, -1, 1e-9, 1e30])
def test_a_waveform_of_no_frequency(tmp_path, frequency):
    assert waveform(tmp_path, SamplingFrequency=frequency).times is None


def test_the_nominal_interval_is_kept(tmp_path):
    data = files.xa_dataset(files.gray_frames(), NominalInterval=800)
    cine = read_cine(files.save(data, tmp_path / "loop.dcm"))
    assert cine.technical["NominalInterval"] == 800
