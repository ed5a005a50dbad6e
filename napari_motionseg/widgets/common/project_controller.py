"""Open, save, move and close the project of a viewer, and autosave its strokes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, finalize, ref

from napari.layers import Layer
from napari.utils.notifications import show_error, show_warning
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionSegError, ReadError
from napari_motionseg.project import Autosaver, Project, RecentProjects, SaveStatus
from napari_motionseg.project.folder import named
from napari_motionseg.project.manifest import LoopRecord
from napari_motionseg.project.opening import OpenedProject, open_project
from napari_motionseg.project.references import is_same
from napari_motionseg.project.watched import WatchedLoop
from napari_motionseg.viewmodel.loop_masks import LoopMasks
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.layer_watcher import LayerWatch, watched_layer
from napari_motionseg.widgets.common.project_layers import (
    add_labels,
    add_loop,
    place,
)
from napari_motionseg.widgets.common.shown_memory import ShownMemory, shown_loop_of
from napari_motionseg.widgets.common.viewers import session_of, unwrapped

GOING = "(going)"  # ends the name of a layer that another project replaces
_controllers: WeakKeyDictionary[Viewer, ProjectController] = WeakKeyDictionary()


def controller_of(viewer: Viewer) -> ProjectController:
    """Return the project controller of `viewer`; the first call starts the autosave."""
    viewer = unwrapped(viewer)
    if viewer not in _controllers:
        _controllers[viewer] = ProjectController(viewer)
    return _controllers[viewer]


class ProjectController(QObject):
    """Watch the layers of a viewer, and open, name and close its project.

    Parameters
    ----------
    viewer
        The viewer, which is held weakly.

    Signals
    -------
    changed
        Emitted when there is another project, or another name or place of it.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self.session = session_of(viewer)
        self.recent = RecentProjects.default()
        self.opened: OpenedProject | None = None
        self._unchecked: dict[int, Cine] = {}  # loops to compare with their hashes
        self._opening = Latest(self, self._show_opened)
        self._finding = Latest(self, self._show_found)
        self._checking = Latest(self, self._tell_changed)
        self._moving = Latest(self, self._show_moved)
        self._saver = Autosaver(self.recent.new_unsaved)
        self._layers = LayerWatch(viewer, self.session, self._saver)
        self.session.models_changed.connect(self._keep_model)
        self.session.masks_made.connect(self._keep_probabilities)
        self.session.settings_changed.connect(self._keep_settings)
        self.session.closed.connect(self.close)
        self._memory = ShownMemory(viewer, self.session)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close)
        # at the end of Python too, where no application says that it quits
        self._at_end = finalize(viewer, self._saver.close)

    @property
    def viewer(self) -> Viewer:
        """The viewer."""
        viewer = self._viewer()
        if viewer is None:
            raise RuntimeError("the viewer is gone")
        return viewer

    @property
    def project(self) -> Project | None:
        """The project; None while there is nothing to keep."""
        return self._saver.project

    @property
    def named(self) -> bool:
        """Whether the project has a name that the user gave."""
        project = self.project
        return project is not None and not self.recent.is_unsaved(project.folder)

    @property
    def status(self) -> SaveStatus:
        """Outcome of the last autosave."""
        return self._saver.status

    @property
    def busy(self) -> bool:
        """Whether a project is being opened or put elsewhere, or a loop is read."""
        return self._opening.busy or self._moving.busy or self._finding.busy

    def flush(self) -> bool:
        """Save now; return whether all is on disk."""
        self._memory.keep()
        self._layers.describe_all()
        return self._saver.flush()

    def open(self, folder: Path) -> None:
        """Open a project in place of this one; it is read in a thread.

        A refusal, as of a damaged or a newer project, is told.
        """
        project = self.project
        if project is not None and folder.resolve() == project.folder.resolve():
            return
        self._opening.ask(_opened, self._saver, folder)

    def save_as(self, folder: Path) -> None:
        """Give the project a name and a place, in a thread; it goes on there.

        Raises
        ------
        MotionSegError
            If there is no project yet, and none can be made there.
        """
        if self.project is None:  # or the first stroke would make one that nobody wants
            self._saver.flush(chores_too=False)
        if self.project is None:
            self._replace(Autosaver(Project.create(folder)))
        self._layers.watch_all()
        self._moving.ask(_moved, self._saver, folder)

    def _show_moved(self, folder: Path) -> None:
        self.recent.add(folder)
        if self.project is not None:
            _tell_notes(self.project)
        self.changed.emit()

    def find_loop(self, number: int, at: Path) -> None:
        """Take a file as the loop that is missing; tell why not where it is none.

        It is read in a thread: of several loops in it, pixels tell which one it was.
        """
        if self.opened is not None:
            self._finding.ask(_found, self.opened, number, at)

    def _show_found(self, found: tuple[OpenedProject, int]) -> None:
        opened, number = found
        if opened is not self.opened:  # another project was opened meanwhile
            return
        if number in opened.missing:
            show_error(opened.missing[number])
            return
        loop, name = opened.loops.pop(number), opened.project.manifest.loop(number).name
        with self._layers.not_heard():
            layer = add_loop(self.viewer, loop, name)
            self.viewer.layers.move(len(self.viewer.layers) - 1, 0)
        watched = WatchedLoop(layer.unique_id, loop, name, number, relocated=True)
        self._layers.adopt_loop(layer, watched)
        for labels in self._layers.of_loop(number):
            place(labels, loop)
        self._unchecked[number] = loop
        self._checking.ask(_changed, opened.project, self._unchecked)
        self.changed.emit()

    def deleted(self) -> list[str]:
        """Return the names of painted layers that were deleted."""
        project = self.project
        layers = () if project is None else project.manifest.layers
        return [layer.name for layer in layers if layer.removed]

    def bring_back(self) -> None:
        """Show the painted layers again that were deleted."""
        project = self.project
        if project is None or not self._saver.flush(chores_too=False):
            return
        pixels = project.read_layers()
        for record in project.manifest.layers:
            loop = self._saver.loop_numbered(record.loop)
            if record.removed and loop is not None:
                stack = pixels[record.number]
                self._show_layer(record, stack[0] if record.flat else stack, loop)
        self.changed.emit()

    def close(self) -> None:
        """Save a last time and let the project go."""
        self._memory.keep()
        self._layers.describe_all()
        self._at_end.detach()
        self._saver.close()

    def _replace(self, saver: Autosaver) -> None:
        self._at_end.detach()
        # in a thread, because a hash may be waited for; Python waits for the thread
        threading.Thread(target=self._saver.close, name="motionseg close").start()
        self._saver = self._layers.saver = saver
        self._at_end = finalize(self.viewer, saver.close)

    def _show_opened(self, opened: OpenedProject) -> None:
        stay = {shown_loop_of(self.viewer, cine) for cine in opened.loops.values()}
        old = [x for x in self.viewer.layers if self._layers.has(x) and x not in stay]
        self._replace(Autosaver(opened.project))
        self.opened, self._unchecked = opened, {}
        for layer in old:  # whose names the new ones shall have
            layer.name = f"{layer.name} {GOING}"
        loops = {n: self._show_loop(opened, n) for n in list(opened.loops)}
        for record in opened.layers():
            loop = loops.get(record.loop)
            self._show_layer(record, opened.layer_pixels(record), loop)
        opened.pixels = {}  # the layers have them now
        self._remove(old)
        for model in opened.project.manifest.models:
            path = opened.project.model_path(model)
            if path.is_file():
                self.session.add_model(Model(path, model.kind, model.title))
        self.session.restore_settings(opened.project.manifest.settings)
        self._memory.restore(opened.project.manifest.settings)
        self.recent.add(opened.project.folder)
        _tell_notes(opened.project)
        self._checking.ask(_changed, opened.project, self._unchecked)
        self.changed.emit()

    def _remove(self, old: list[Layer]) -> None:
        """Remove the layers of the previous project, once the new ones are there.

        The other way round the window is empty in between; napari then draws while its
        slider goes and comes, which has crashed in OpenGL.
        """
        with self._layers.not_heard():  # what goes now was not deleted
            for layer in old:
                if layer in self.viewer.layers:
                    self.viewer.layers.remove(layer)

    def _show_loop(self, opened: OpenedProject, number: int) -> WatchedLoop:
        # a loop is held here no longer than it is compared: its layer may be closed
        cine = opened.loops.pop(number)
        record = opened.project.manifest.loop(number)
        layer = shown_loop_of(self.viewer, cine)
        with self._layers.not_heard():
            if layer is None:
                layer = add_loop(self.viewer, cine, record.name)
            else:  # as it was opened before its work was recovered
                layer.name, cine = record.name, layer.metadata["cine"]
        self._unchecked[number] = cine
        loop = WatchedLoop(layer.unique_id, cine, layer.name, number)
        self._layers.adopt_loop(layer, loop)
        return loop

    def _show_layer(self, record: Any, pixels: Any, loop: WatchedLoop | None) -> None:
        cine = None if loop is None else loop.cine
        with self._layers.not_heard():
            layer = add_labels(self.viewer, record, pixels, cine)
        if loop is None:  # of a missing loop: kept as it is, by number
            loop = WatchedLoop(("missing", record.loop), None, "", record.loop)
        elif cine is None and loop.facts is not None:  # closed, and let go
            place(layer, loop.facts)
        stored = {} if self.opened is None else self.opened.probabilities
        if (known := stored.pop(record.number, None)) is not None:
            self.session.mask_probabilities[layer] = known
        watched = watched_layer(layer, record.kind, loop, record.dtype)
        watched.resume(record, pixels if pixels.ndim == 3 else pixels[None])
        self._layers.adopt(layer, watched)

    def _tell_changed(self, changed: list[Any]) -> None:
        for record in changed:
            show_warning(
                f"The pixels of loop {record.name!r} are not those that were painted "
                "on: its file has changed. Look whether its labels still fit."
            )

    def _keep_model(self, model: Model) -> None:
        if model.path.parent == self.session.folder:  # was trained here
            self._saver.keep_model(model.path, model.kind, model.title)

    def _keep_probabilities(self, masks: LoopMasks) -> None:
        self._saver.keep_probabilities(masks.layer.unique_id, masks.known.copied())

    def _keep_settings(self, settings: dict[str, Any]) -> None:
        self._saver.keep_settings(settings)


def _tell_notes(project: Project) -> None:
    """Show once each note on what was lost, repaired or left in place."""
    while project.notes:
        show_warning(project.notes.pop(0))


def _opened(saver: Autosaver, folder: Path) -> OpenedProject:
    """Save what there is, and read another project; in a thread."""
    saver.flush()
    opened = open_project(folder)
    opened.read_probabilities()
    return opened


def _changed(project: Project, unchecked: dict[int, Cine]) -> list[LoopRecord]:
    """Compare loops with what was painted on, and let them go; in a thread."""
    changed = []
    while unchecked:
        number, cine = unchecked.popitem()
        record = project.manifest.loop(number)
        if not is_same(cine, record):
            changed.append(record)
    return changed


def _found(opened: OpenedProject, number: int, at: Path) -> tuple[OpenedProject, int]:
    """Look for a loop in a file; in a thread."""
    opened.find(number, at)
    return opened, number


def _moved(saver: Autosaver, folder: Path) -> Path:
    """Put a project elsewhere, all of it on disk; in a thread."""
    saver.flush()
    project = saver.project
    if project is None:
        raise MotionSegError("there is no project to save")
    if project.folder != named(folder):
        try:
            project.require_there()
        except ReadError:  # moved away or deleted: all that is shown is in memory
            project = Project.create(folder)
            saver.start_anew(project)
        else:
            project.move(folder)
        saver.flush()
    return project.folder
