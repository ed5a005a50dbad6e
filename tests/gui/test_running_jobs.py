"""Jobs of the docks: the window never waits, and nothing is called done that is not."""

import dataclasses
import gc
import os
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
from helpers import child_jobs
from helpers.patience import LONG
from qtpy.QtCore import QEvent, QObject, QPointF, QTimer
from qtpy.QtGui import QEnterEvent, QShowEvent
from qtpy.QtWidgets import QMainWindow, QStyle, QStyleOptionSlider

from napari_motionseg.contributions import cine_layer
from napari_motionseg.errors import SettingsError
from napari_motionseg.short_turns import TURN_S
from napari_motionseg.viewmodel import time_left
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common import close_guard, job_panel
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.device_chooser import DeviceChooser
from napari_motionseg.widgets.common.endings import ESTIMATING, SEGMENTING
from napari_motionseg.widgets.common.frame_strip import FrameStrip, place_strip
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.loop_work import LoopWork
from napari_motionseg.widgets.common.viewers import session_of, show_frame


@pytest.fixture
def session(viewer):
    yield session_of(viewer)
    session_of(viewer).close()


@pytest.fixture
def panel(viewer, session):
    made = JobPanel(session)
    viewer.window.add_dock_widget(made, name="panel")
    return made


def work_on(viewer, layer, done=()):
    return LoopWork(viewer, layer, layer.data.shape[0], done)


@pytest.fixture
def by_hand(panel):
    """Poll the panel by hand, a step of the job at a time."""

    def start(*args, **options):
        panel.start(*args, **options)
        panel._timer.stop()

    return start


class SlowToPickle:
    """An argument that takes as long to hand over as the test wants."""

    def __init__(self, go_on):
        self.go_on = go_on

    def __reduce__(self):
        assert self.go_on.wait(60)
        return int, ()


@pytest.mark.child_process
def test_the_window_goes_on_while_a_job_is_handed_over(panel, qtbot):
    """Start, turns of the event loop and cancel do not wait for the arguments."""
    go_on, turns = threading.Event(), []
    panel.start("Counting", child_jobs.counting, SlowToPickle(go_on))
    timer = QTimer()
    timer.timeout.connect(lambda: turns.append(1))
    timer.start(1)
    qtbot.waitUntil(lambda: len(turns) > 20, timeout=LONG)
    assert panel.status.text().startswith("Counting: ")
    assert not go_on.is_set()
    panel.cancel()
    assert not panel.running
    go_on.set()


@pytest.mark.child_process
def test_what_happens_before_the_first_step_is_said(panel, qtbot):
    said = []
    panel.status.setText = lambda text: said.append(text)
    with qtbot.waitSignal(panel.finished, timeout=LONG):
        panel.start("Counting", child_jobs.counting, 3)
    assert said[0] == "Counting: Starting the worker…"
    assert any("Loading torch…" in text for text in said)
    assert said[-1].startswith("Counting: done")


@pytest.mark.child_process
def test_a_worker_stands_ready_while_a_dock_is_open(viewer, session, qtbot):
    panel = JobPanel(session)
    dock = viewer.window.add_dock_widget(panel, name="panel")
    panel.showEvent(QShowEvent())  # the window of a test is not shown
    assert session.runner._standby is None, "the dock is drawn first"
    qtbot.waitUntil(lambda: bool(session.runner.standby_bytes), timeout=LONG)
    assert "MiB" in session.standby_words()
    worker = session.runner._standby
    chooser = DeviceChooser(session)
    qtbot.addWidget(chooser)
    chooser.event(QEvent(QEvent.Type.ToolTip))
    assert "A worker process stands ready" in chooser.toolTip()
    viewer.window.remove_dock_widget(dock)
    panel.deleteLater()
    qtbot.waitUntil(lambda: session.runner.standby_bytes is None, timeout=LONG)
    assert worker.wait_gone(60)


def test_frames_are_marked_as_they_are_done(
    viewer, panel, session, loop_layer, by_hand
):
    by_hand(
        "Segmenting x", child_jobs.framing, 8, endings=SEGMENTING,
        work=work_on(viewer, loop_layer, done=[7]),
    )  # fmt: skip
    marks = session.marks
    assert (marks.done, marks.running) == ({7}, True)
    panel._poll()
    panel._poll()
    assert marks.done == {0, 1, 7}
    assert marks.state(2) == "running"
    assert marks.state(5) == "waiting"
    panel.stop()
    panel._poll()
    assert "stopped, the masks of 3 of 8 frames are kept" in panel.status.text()
    assert marks.done == {0, 1, 7}  # what lacks differs from what is empty
    assert not marks.running


def test_the_frame_that_is_shown_is_asked_for(
    viewer, panel, session, loop_layer, by_hand
):
    by_hand("Segmenting x", child_jobs.framing, 8, work=work_on(viewer, loop_layer))
    panel._poll()
    show_frame(viewer, loop_layer, 6)
    assert session.marks.state(6) == "running"
    panel._poll()
    assert session.marks.done == {0, 6}
    show_frame(viewer, loop_layer, 0)  # done already
    panel._poll()
    assert session.marks.done == {0, 6, 7}


@pytest.mark.parametrize("what", ["loop", "result", "pixels"])
def test_a_job_whose_result_has_no_place_is_cancelled(
    viewer, panel, loop_layer, by_hand, qtbot, what
):
    shown = viewer.add_labels(np.zeros((8, 4, 4), np.uint8), name="its masks")
    by_hand("Segmenting x", child_jobs.framing, 8, work=work_on(viewer, loop_layer))
    panel.need(shown)
    panel._poll()
    with qtbot.waitSignal(panel.ended) as ended:
        if what == "pixels":
            loop_layer.data = np.zeros_like(np.asarray(loop_layer.data))
        else:
            viewer.layers.remove(loop_layer if what == "loop" else shown)
    assert ended.args == ["cancelled"]
    assert "cancelled, because layer" in panel.status.text()
    assert "done" not in panel.status.text()


def test_layers_that_the_job_does_not_need_may_go(viewer, panel, loop_layer, by_hand):
    other = viewer.add_labels(np.zeros((8, 4, 4), np.uint8))
    by_hand("Segmenting x", child_jobs.framing, 8, work=work_on(viewer, loop_layer))
    panel._poll()
    viewer.layers.remove(other)
    assert panel.running
    panel.cancel()
    viewer.layers.remove(loop_layer)  # nobody listens any more
    assert "cancelled, nothing of this run was kept" in panel.status.text()


def test_a_result_that_cannot_be_used_is_not_called_done(panel, by_hand, notified):
    def lost(result):
        return "its place was taken"

    def refused(result):
        raise SettingsError("no such layer")

    for handover, words in ((lost, "its place was taken"), (refused, "cannot be used")):
        by_hand("Counting", child_jobs.counting, 1, done=handover)
        panel._poll()
        panel._poll()
        assert words in panel.status.text()
        assert "done" not in panel.status.text()


def test_stop_and_keep_says_how_much(panel, by_hand):
    by_hand("Flow", child_jobs.counting, 45, endings=ESTIMATING)
    panel._poll()
    panel.stop()
    panel._poll()
    assert "the flow of 1 of 45 pairs of frames is kept" in panel.status.text()


def test_time_left_is_said_from_the_first_step_on(panel, by_hand, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now[0])
    by_hand("Counting", child_jobs.counting, 10)
    now[0] += 100  # the worker starts
    for _ in range(3):
        panel._poll()
        now[0] += 2
    first = panel.status.text().splitlines()[0]
    assert first.endswith("3 of 10 · 14 s left")


def test_one_poll_does_not_work_off_all_that_has_arrived(panel, by_hand, monkeypatch):
    """A window that was busy shows its messages a few at a time."""
    by_hand("Counting", child_jobs.counting, 5)
    clock = iter(range(1000))
    monkeypatch.setattr(job_panel.time, "monotonic", lambda: next(clock))
    told = [panel._job.poll().__next__() for _ in range(3)]
    monkeypatch.setattr(panel._job, "poll", lambda: iter(told))
    seen = []
    panel.progressed.connect(lambda progress: seen.append(progress.step))
    panel._poll()
    assert seen == [1]


def test_a_dock_that_is_closed_says_that_its_job_is_cancelled(
    viewer, session, qtbot, monkeypatch
):
    said = []
    monkeypatch.setattr(job_panel, "show_info", said.append)
    panel = JobPanel(session)
    dock = viewer.window.add_dock_widget(panel, name="panel")
    panel.start("Counting", child_jobs.counting, 100)
    job = session.job
    viewer.window.remove_dock_widget(dock)
    panel.deleteLater()
    qtbot.waitUntil(lambda: bool(said), timeout=LONG)
    assert said == ["Counting: cancelled, because its dock was closed"]
    assert job.state == "cancelled"
    assert session.job is None


@pytest.fixture
def shown_window(qtbot):
    """A main window that is seen, with a panel of a session."""
    session = Session()
    window = QMainWindow()
    qtbot.addWidget(window)
    window.setCentralWidget(JobPanel(session))
    window.show()
    qtbot.waitExposed(window)
    yield window, session
    session.close()


@pytest.mark.parametrize("agrees", [True, False])
def test_closing_the_window_asks_while_a_job_runs(shown_window, monkeypatch, agrees):
    window, session = shown_window
    asked = []

    def answer(at, title):
        asked.append(title)
        return agrees

    monkeypatch.setattr(close_guard, "agrees_to_close", answer)
    window.centralWidget().start("Counting", child_jobs.counting, 100)
    assert window.close() == agrees
    assert asked == ["Counting"]
    assert window.isVisible() != agrees
    if not agrees:
        assert session.job is not None


def test_closing_asks_nothing_where_nothing_runs(shown_window, monkeypatch):
    window, _ = shown_window
    monkeypatch.setattr(close_guard, "agrees_to_close", pytest.fail)
    assert window.close()


def test_a_program_that_takes_a_window_apart_is_not_asked(shown_window, monkeypatch):
    window, _ = shown_window
    monkeypatch.setattr(close_guard, "agrees_to_close", pytest.fail)
    window.centralWidget().start("Counting", child_jobs.counting, 100)
    for child in window.centralWidget().findChildren(QObject):
        getattr(child, "hide", int)()
    assert window.close()


def test_the_question_names_the_job_and_what_stays(qtbot, monkeypatch):
    said = []

    def read(box):
        said.extend([box.text(), box.informativeText(), box.defaultButton().text()])

    monkeypatch.setattr(close_guard.QMessageBox, "exec", read)
    assert not close_guard.agrees_to_close(None, "Training")
    assert said[0].startswith("Training is still running")
    assert "What you painted stays" in said[1]
    assert said[2] == "Keep the window open"


def test_one_window_asks_once(shown_window):
    window, session = shown_window
    for _ in range(3):
        close_guard.guard_window(window.centralWidget(), session)
    assert len(window.findChildren(QObject, close_guard.NAME)) == 1


def test_the_strip_lies_above_the_slider_in_line_with_it(
    viewer, panel, session, loop_layer, by_hand, qtbot
):
    strip = place_strip(panel, session.marks)
    assert isinstance(strip, FrameStrip)
    assert place_strip(panel, session.marks) is strip  # once is enough
    assert strip.isHidden()  # where nothing is marked
    session.marks.look_at(loop_layer, 8)
    session.marks.set_labelled([2])
    assert not strip.isHidden()
    window = viewer.window._qt_window
    window.resize(900, 700)
    window.show()
    qtbot.waitExposed(window)
    for t in (0, 3, 7):
        show_frame(viewer, loop_layer, t)
        cell = strip.mapToGlobal(strip.cells()[t].center().toPoint()).x()
        assert abs(cell - handle_middle(strip._slider(strip._marks.count))) <= 2
        assert strip.frame_at(strip.cells()[t].center().x()) == t
    assert strip._slider(strip._marks.count).maximum() == 7
    window.hide()


def handle_middle(slider):
    """Return where the handle of a slider is now, in pixels of the screen."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    handle = slider.style().subControlRect(
        QStyle.ComplexControl.CC_ScrollBar, option,
        QStyle.SubControl.SC_ScrollBarSlider, slider,
    )  # fmt: skip
    return slider.mapToGlobal(handle.center()).x()


def test_marks_are_told_apart_on_the_screen(session, loop_layer, qtbot):
    marks = session.marks
    strip = FrameStrip(marks)
    qtbot.addWidget(strip)
    strip.resize(200, 8)
    marks.begin(loop_layer, 4, "Flow", done=[0], current=1)
    marks.set_labelled([3])
    picture = strip.grab().toImage()

    def color(t):
        center = strip.cells()[t].center()
        return picture.pixelColor(int(center.x()), int(center.y())).name()

    seen = [color(t) for t in range(4)]
    assert seen[0] == "#4c9be8"
    assert seen[1] == "#ff9f40"
    assert seen[3] == "#ffffff"
    assert len(set(seen)) == 4
    words = strip._words(strip.cells()[3].center().toPoint())
    assert words.startswith("Frame 3: not done yet, labelled")
    assert "1 of 4 frames done" in words


def test_without_a_place_there_is_no_strip(qtbot, session):
    """A napari whose window is built in another way loses the strip alone."""
    window = QMainWindow()
    qtbot.addWidget(window)
    panel = JobPanel(session)
    window.setCentralWidget(panel)
    assert place_strip(panel, session.marks) is None
    assert place_strip(JobPanel(session), session.marks) is None  # in no window


def test_one_choice_of_device_holds_for_all_docks(session, qtbot, monkeypatch):
    monkeypatch.setattr(
        "napari_motionseg.widgets.common.device_chooser.known_devices",
        lambda: {"auto": "auto (CUDA)", "cpu": "CPU", "cuda:0": "GPU 0: H100"},
    )
    one, other = DeviceChooser(session), DeviceChooser(session)
    for chooser in (one, other):
        qtbot.addWidget(chooser)
        assert chooser.currentText() == "auto (CUDA)"
    one.setCurrentIndex(2)
    assert session.device == "cuda:0"
    assert other.currentText() == "GPU 0: H100"
    session.device = "cuda:7"  # of a project that was made elsewhere
    assert session.device == "auto"
    assert one.currentText() == other.currentText() == "auto (CUDA)"


def test_latest_shows_the_newest_answer(qtbot):
    owner, shown, turns = QObject(), [], []
    latest = Latest(owner, shown.append)
    begun, go_on = threading.Event(), threading.Event()

    def slow(value):
        turns.append(sys.getswitchinterval())
        begun.set()
        assert go_on.wait(60)
        return value

    latest.ask(slow, 1)
    assert begun.wait(60)
    latest.ask(slow, 2)
    latest.ask(slow, 3)
    assert latest.busy
    assert latest.waiting
    go_on.set()
    qtbot.waitUntil(lambda: not latest.busy, timeout=LONG)
    assert shown == [1, 3]
    assert max(turns) == pytest.approx(TURN_S)  # the window draws beside it


def test_an_unexpected_error_in_a_thread_reaches_the_window(qtbot):
    owner = QObject()
    latest = Latest(owner, lambda _: None)
    with qtbot.captureExceptions() as caught:
        latest.ask(divmod, 1, 0)
        qtbot.waitUntil(lambda: bool(caught), timeout=LONG)
    assert caught[0][0] is ZeroDivisionError
    assert not latest.busy


CLOSED = """
import sys, threading, time
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QWidget
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.write_bar import WritingPanel
from napari_motionseg.jobs import Progress

def slow():
    time.sleep(1)

def writing():
    for step in range(100):
        time.sleep(0.1)
        yield Progress(step, 100)

app = QApplication([])
owner, panel = QWidget(), WritingPanel()
latest = Latest(owner, print)
latest.ask(slow)
panel.start(writing())
owner.show()
QTimer.singleShot(200, app.quit)
app.exec()
owner.deleteLater(); panel.deleteLater()
app.processEvents(); app.sendPostedEvents(None, 52)
del owner, panel, app
"""


def test_a_window_that_is_closed_while_threads_work_prints_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CLOSED], capture_output=True, text=True, timeout=240,
        env=environment(), check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert (done.returncode, done.stdout) == (0, "")


def environment():
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, "MOTIONSEG_CACHE": "off"}


SCRIPT = """
import sys, time
import napari, numpy as np
from helpers import child_jobs
from qtpy.QtCore import QTimer
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.viewers import session_of, unwrapped

print("the script runs", flush=True)
viewer = napari.Viewer()
panel = JobPanel(session_of(unwrapped(viewer)))
viewer.window.add_dock_widget(panel)

def ended(state):
    print("result", state, flush=True)
    viewer.close()

panel.ended.connect(ended)
QTimer.singleShot(0, lambda: panel.start("Counting", child_jobs.counting, 3))
napari.run()
print("the window is closed", flush=True)
"""


@pytest.mark.child_process
def test_a_script_without_guard_opens_one_window_and_gets_its_result(tmp_path):
    """`napari.Viewer(); napari.run()` as in napari's own examples."""
    script = tmp_path / "my_script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=280,
        env=environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [
        line for line in done.stdout.splitlines() if line.startswith(("the", "res"))
    ]
    assert lines == ["the script runs", "result finished", "the window is closed"]
    assert "Traceback" not in done.stderr


def test_a_segmentation_that_was_stopped_does_the_rest(
    viewer, loop_layer, segment, qtbot, click
):
    qtbot.waitUntil(
        lambda: segment.paint.painting_for_strokes() is not None, timeout=LONG
    )
    panel, frames = segment.panel, []
    panel.progressed.connect(lambda progress: frames.extend(progress.frames))
    show_frame(viewer, loop_layer, 3)
    with qtbot.waitSignal(panel.finished, timeout=LONG):
        with qtbot.waitSignal(panel.progressed, timeout=LONG):
            click(segment.apply.guess_button)
        click(panel.stop_button)
    first, masks = list(frames), segment.state.masks
    assert first[0] == 3
    assert len(first) < 8
    assert f"the masks of {len(first)} of 8 frames are kept" in panel.status.text()
    assert segment.session.marks.done == set(first)
    frames.clear()
    show_frame(viewer, loop_layer, 7)
    with qtbot.waitSignal(panel.finished, timeout=LONG):
        click(segment.apply.apply_button)
    assert segment.state.masks is masks  # what was done, and corrected, stays
    assert sorted(first + frames) == list(range(8))
    assert frames[0] == 7
    assert masks.done.all()
    frames.clear()
    with qtbot.waitSignal(panel.finished, timeout=LONG):
        click(segment.apply.apply_button)
    assert sorted(frames) == list(range(8))  # all are done: all are done anew
    assert segment.state.masks is not masks


def test_masks_that_are_removed_end_their_job(
    viewer, loop_layer, segment, qtbot, click
):
    qtbot.waitUntil(
        lambda: segment.paint.painting_for_strokes() is not None, timeout=LONG
    )
    with qtbot.waitSignal(segment.panel.ended, timeout=LONG) as ended:
        with qtbot.waitSignal(segment.panel.progressed, timeout=LONG):
            click(segment.apply.guess_button)
        viewer.layers.remove(segment.state.masks.layer)
    assert ended.args == ["cancelled"]
    assert (
        "because layer 'synthetic-7 masks' was removed" in segment.panel.status.text()
    )
    assert not segment.session.marks.done


def test_labelled_frames_are_marked(viewer, loop_layer, segment, qtbot):
    qtbot.waitUntil(
        lambda: segment.paint.painting_for_strokes() is not None, timeout=LONG
    )
    painting, marks = segment.state.painting, segment.session.marks
    for t in (2, 5):
        show_frame(viewer, loop_layer, t)
        painting.data_setitem((np.array([t]), np.array([4]), np.array([4])), 2)
        qtbot.waitUntil(lambda t=t: t in marks.labelled, timeout=LONG)
    assert marks.labelled == {2, 5}
    painting.undo()
    qtbot.waitUntil(lambda: marks.labelled == {2}, timeout=LONG)


def test_the_chosen_device_goes_to_the_jobs(
    viewer, loop_layer, segment, monkeypatch, qtbot
):
    """Segment, Motion and Embedding: what a panel starts names the device."""
    from napari_motionseg.widgets.embedding.pretraining_section import LearnEmbedding
    from napari_motionseg.widgets.motion.dock import MotionDock

    started = []
    monkeypatch.setattr(JobPanel, "start", lambda panel, *a, **k: started.append(a))
    qtbot.waitUntil(
        lambda: segment.paint.painting_for_strokes() is not None, timeout=LONG
    )
    motion = MotionDock(viewer)
    qtbot.addWidget(motion)
    learn = LearnEmbedding(motion, motion.chooser)
    segment.session.device = "cpu"
    segment.apply.first_guess()
    motion.run_button.click()
    learn.button.click()
    guess, flow, pretraining = started
    assert guess[3].device == "cpu"
    assert flow[3][0].settings.device == "cpu"
    settings = pretraining[3].settings(pretraining[4], 64)
    assert (settings.training.device, settings.flow.device) == ("cpu", "cpu")


def test_whoever_comes_back_to_a_dock_finds_a_worker(segment, qtbot):
    """It ends after a while; the mouse over the dock says that somebody is there."""
    runner = segment.session.runner
    runner.asked_to_be_ready = 0
    place = QPointF(5, 5)
    segment.enterEvent(QEnterEvent(place, place, place))
    assert runner.asked_to_be_ready == 1


def test_a_job_holds_no_loop_when_it_has_ended(
    viewer, segment, qtbot, click, noise_cine
):
    cine = dataclasses.replace(noise_cine)  # a copy: the fixture holds its own
    data, attributes, _ = cine_layer(cine)
    image = viewer.add_image(data, **attributes)
    qtbot.waitUntil(lambda: segment.state.loop is viewer.layers[0], timeout=LONG)
    with qtbot.waitSignal(segment.panel.ended, timeout=LONG) as ended:
        with qtbot.waitSignal(segment.panel.progressed, timeout=LONG):
            click(segment.apply.guess_button)
        segment.panel.cancel()
    assert ended.args == ["cancelled"]
    left = weakref.ref(segment.session.loop(image).cine)
    del cine, data, attributes, image
    viewer.layers.clear()

    def gone():
        gc.collect()
        return left() is None

    qtbot.waitUntil(gone, timeout=LONG)
