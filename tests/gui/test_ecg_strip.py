"""The ECG under the time slider: where the file has one, in line with the frames."""

import dataclasses

import numpy as np
import pytest
from helpers.patience import LONG
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_motionseg.cine.ecg import SignalTrace
from napari_motionseg.contributions import cine_layer
from napari_motionseg.widgets.cine.dock import CineDock
from napari_motionseg.widgets.common.viewers import show_frame


@pytest.fixture
def shown(viewer, dock, small_cine, qtbot):
    """Open a loop with an ECG and the Cine dock, in a window that is shown."""
    viewer.window._qt_window.resize(1000, 700)
    viewer.window._qt_window.show()
    times = np.linspace(0, small_cine.frame_times[-1], 200)
    beats = (np.arange(200) % 50 == 0).astype(np.int16)
    ecg = {"curve 5000": SignalTrace(beats, times, "ECG")}
    cine = dataclasses.replace(small_cine, ecg=ecg, r_waves=(0, 4))
    data, attributes, _ = cine_layer(cine)
    layer = viewer.add_image(data, **attributes)
    widget = dock(CineDock)
    qtbot.waitUntil(lambda: widget.ecg.isVisible(), timeout=LONG)
    return widget, layer


def test_it_lies_in_line_with_the_slider(viewer, shown, small_cine):
    widget, layer = shown
    strip, count = widget.ecg, len(small_cine)
    sliders = strip._sliders
    assert strip.mapToGlobal(QPoint(0, 0)).y() >= sliders.mapToGlobal(QPoint(0, 0)).y()
    ends = [strip.x_of(t, count) for t in (0, count - 1)]
    assert 0 < ends[0] < ends[1] < strip.width()
    points = strip.points(strip.trace)
    assert points[0].x() == pytest.approx(ends[0], abs=1)
    assert points[-1].x() == pytest.approx(ends[1], abs=1)
    tops = [point.x() for point in points if point.y() < strip.height() / 3]
    assert tops[0] == pytest.approx(ends[0], abs=2)
    assert "evenly" not in strip.toolTip()
    # a loop that is longer moves the slider's end, and the strip with it
    viewer.add_image(np.zeros((2 * count, *layer.data.shape[1:]), np.uint8))
    assert strip.x_of(count - 1, count) < ends[1] - 50
    assert not strip.grab().isNull()


def test_a_click_goes_to_the_frame_below_it(viewer, shown, small_cine):
    widget, layer = shown
    for t in (6, 1):
        x = round(widget.ecg.x_of(t, len(small_cine)))
        QTest.mouseClick(
            widget.ecg, Qt.MouseButton.LeftButton, pos=QPoint(x, 10)
        )  # fmt: skip
        assert viewer.dims.current_step[0] == t
    show_frame(viewer, layer, 5)
    assert widget.ecg._frame == 5


def test_without_an_ecg_there_is_no_strip(viewer, shown, small_cine, qtbot):
    widget, layer = shown
    data, attributes, _ = cine_layer(small_cine)
    viewer.add_image(data, **(attributes | {"name": "plain"}))
    qtbot.waitUntil(lambda: not widget.ecg.isVisible(), timeout=LONG)
    widget.chooser.setCurrentText(layer.name)
    widget.chooser.activated.emit(widget.chooser.currentIndex())
    assert widget.ecg.isVisible()


def test_an_ecg_without_times_says_so(viewer, dock, small_cine):
    ecg = {"waveform 0": SignalTrace(np.arange(50).reshape(25, 2))}
    cine = dataclasses.replace(small_cine, ecg=ecg)
    data, attributes, _ = cine_layer(cine)
    viewer.add_image(data, **attributes)
    widget = dock(CineDock)
    widget.ecg.show_loop(cine)
    assert "laid evenly over the loop" in widget.ecg.toolTip()


def test_playback_skips_frames_rather_than_lose_time(monkeypatch, qtbot):
    from napari_motionseg.widgets.cine import playback

    now = [100.0]
    monkeypatch.setattr(playback.time, "perf_counter", lambda: now[0])
    shown = []

    def slow(t):
        shown.append((t, now[0]))
        now[0] += 0.35  # to draw a frame takes longer than three frames last

    player = playback.Player(slow)
    player.play(30, 10, first=2)
    player._timer.stop()
    for _ in range(20):
        now[0] += 0.05
        player._tick()
    frames = [t for t, _ in shown]
    assert frames == [(2 + int((moment - 100) * 10)) % 30 for _, moment in shown]
    assert np.diff(frames[:6]).min() >= 3
