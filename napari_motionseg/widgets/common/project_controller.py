"""Open, save, move and close the project of a viewer, and save strokes as they come."""

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
from napari_motionseg.project.mask_corrections_file import MaskCorrections
from napari_motionseg.project.opening import OpenedProject, open_project
from napari_motionseg.project.references import is_same
from napari_motionseg.project.watched import WatchedLoop
from napari_motionseg.viewmodel.found_corrections import find_corrections
from napari_motionseg.viewmodel.loop_masks import LoopMasks
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.later_removal import GOING
from napari_motionseg.widgets.common.layer_watcher import LayerWatch, watched_layer
from napari_motionseg.widgets.common.project_layers import (
    add_labels,
    add_loop,
    place,
)
from napari_motionseg.widgets.common.shown_memory import ShownMemory, shown_loop_of
from napari_motionseg.widgets.common.viewers import session_of, unwrapped

_controllers: WeakKeyDictionary[Viewer, ProjectController] = WeakKeyDictionary()


def controller_of(viewer: Viewer) -> ProjectController:
    """Return the project controller of a viewer; the first call starts the autosave."""
    viewer = unwrapped(viewer)
    if viewer not in _controllers:
        _controllers[viewer] = ProjectController(viewer)
    return _controllers[viewer]


class ProjectController(QObject):
    """Watch the layers of a viewer, and open, name and close its project.

    Parameters
    ----------
    viewer
        The viewer. Only a weak reference is kept.

    Signals
    -------
    changed
        Emitted when another project is open, or the project was renamed or moved.
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
        self._checking = Latest(self, _tell_changed)
        self._moving = Latest(self, self._show_moved)
        self._saver = Autosaver(self.recent.new_unsaved)
        self._layers = LayerWatch(viewer, self.session, self._saver)
        self.session.models_changed.connect(self._keep_model)
        self.session.masks_made.connect(self._keep_probabilities)
        self.session.masks_corrected.connect(self._keep_corrections)
        self.session.settings_changed.connect(self._keep_settings)
        self.session.closed.connect(self.close)
        self._memory = ShownMemory(viewer, self.session)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close)
        # also when Python ends without a Qt application that emits aboutToQuit
        self._at_end = finalize(viewer, self._saver.close)

    @property
    def viewer(self) -> Viewer:
        """The viewer."""
        viewer = self._viewer()
        if viewer is None:
            raise RuntimeError("the viewer was closed")
        return viewer

    @property
    def project(self) -> Project | None:
        """The open project; None as long as nothing had to be saved."""
        return self._saver.project

    @property
    def named(self) -> bool:
        """Whether the user has named the project."""
        project = self.project
        return project is not None and not self.recent.is_unsaved(project.folder)

    @property
    def status(self) -> SaveStatus:
        """Outcome of the last autosave."""
        return self._saver.status

    @property
    def busy(self) -> bool:
        """Whether a project is being opened or moved, or a missing loop is read."""
        return self._opening.busy or self._moving.busy or self._finding.busy

    def flush(self) -> bool:
        """Save now, and return whether everything is on disk."""
        self._memory.keep()
        self._layers.describe_all()
        return self._saver.flush()

    def open(self, folder: Path) -> None:
        """Read a project in a thread, then replace the current one.

        If the project cannot be opened, for example because it is damaged or of a newer
        version, an error message is shown and the current project stays open.
        """
        project = self.project
        if project is not None and folder.resolve() == project.folder.resolve():
            return
        self._opening.ask(_opened, self._saver, folder)

    def save_as(self, folder: Path) -> None:
        """Move the project to a folder, in a thread, and continue to save there.

        Raises
        ------
        MotionSegError
            If there is no project yet, and a new one cannot be created in the folder.
        """
        if self.project is None:
            # an autosave may be waiting; save first, so that it makes no second project
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
        """Use a file for a loop whose file is missing.

        The file is read in a thread. If it contains several loops, the one with the
        stored pixels is used. If there is none, an error message says why.
        """
        if self.opened is not None:
            self._finding.ask(_found, self.opened, number, at)

    def _show_found(self, found: tuple[OpenedProject, int]) -> None:
        opened, number = found
        if opened is not self.opened:  # another project was opened in the meantime
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
        """Return the names of the labels layers that the user has deleted."""
        project = self.project
        layers = () if project is None else project.manifest.layers
        return [layer.name for layer in layers if layer.removed]

    def bring_back(self) -> None:
        """Show the deleted labels layers again."""
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
        """Save a last time, and close the project."""
        self._memory.keep()
        self._layers.describe_all()
        self._at_end.detach()
        self._saver.close()

    def _replace(self, saver: Autosaver) -> None:
        self._at_end.detach()
        # in a thread, because a hash may take seconds; Python waits for the thread
        threading.Thread(target=self._saver.close, name="motionseg close").start()
        self._saver = self._layers.saver = saver
        self._at_end = finalize(self.viewer, saver.close)

    def _show_opened(self, opened: OpenedProject) -> None:
        settings = opened.project.manifest.settings
        stay = {shown_loop_of(self.viewer, cine) for cine in opened.loops.values()}
        old = [x for x in self.viewer.layers if self._layers.has(x) and x not in stay]
        self._replace(Autosaver(opened.project))
        self.opened, self._unchecked = opened, {}
        for layer in old:  # free the names for the new layers
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
        self._saver.keep_settings(settings)  # docks have kept earlier choices meanwhile
        self.session.restore_settings(settings)
        self._memory.restore(settings)
        self.recent.add(opened.project.folder)
        _tell_notes(opened.project)
        self._checking.ask(_changed, opened.project, self._unchecked)
        self.changed.emit()

    def _remove(self, old: list[Layer]) -> None:
        """Remove the layers of the previous project after the new ones were added.

        In the opposite order, the window would be empty for a moment. napari then draws
        while its slider is removed and added again, which has crashed in OpenGL.
        """
        with self._layers.not_heard():  # the user has not deleted these layers
            for layer in old:
                if layer in self.viewer.layers:
                    self.viewer.layers.remove(layer)

    def _show_loop(self, opened: OpenedProject, number: int) -> WatchedLoop:
        # remove it from `opened`, or a loop whose layer is closed would stay in memory
        cine = opened.loops.pop(number)
        record = opened.project.manifest.loop(number)
        layer = shown_loop_of(self.viewer, cine)
        with self._layers.not_heard():
            if layer is None:
                layer = add_loop(self.viewer, cine, record.name)
            else:  # the user had opened the loop before recovering its project
                layer.name, cine = record.name, layer.metadata["cine"]
        self._unchecked[number] = cine
        loop = WatchedLoop(layer.unique_id, cine, layer.name, number)
        self._layers.adopt_loop(layer, loop)
        return loop

    def _show_layer(self, record: Any, pixels: Any, loop: WatchedLoop | None) -> None:
        cine = None if loop is None else loop.cine
        with self._layers.not_heard():
            layer = add_labels(self.viewer, record, pixels, cine)
        if loop is None:  # the loop is missing; keep its layer under the loop's number
            loop = WatchedLoop(("missing", record.loop), None, "", record.loop)
        elif cine is None and loop.facts is not None:  # the loop's layer was closed
            place(layer, loop.facts)
        stored = {} if self.opened is None else self.opened.probabilities
        if (known := stored.pop(record.number, None)) is not None:
            self.session.mask_probabilities[layer] = known
        watched = watched_layer(layer, record.kind, loop, record.dtype)
        watched.resume(record, pixels if pixels.ndim == 3 else pixels[None])
        self._layers.adopt(layer, watched)

    def _keep_model(self, model: Model) -> None:
        if model.path.parent == self.session.folder:  # trained in this session
            self._saver.keep_model(model.path, model.kind, model.title)

    def _keep_probabilities(self, masks: LoopMasks) -> None:
        self._saver.keep_probabilities(masks.layer.unique_id, masks.known.copied())

    def _keep_corrections(self, masks: LoopMasks) -> None:
        made = MaskCorrections(dict(masks.corrections), masks.confirmed.copy())
        self._saver.keep_corrections(masks.layer.unique_id, made)

    def _keep_settings(self, settings: dict[str, Any]) -> None:
        self._saver.keep_settings(settings)


def _tell_notes(project: Project) -> None:
    """Show a warning for each note on what was lost, repaired or left in place."""
    while project.notes:
        show_warning(project.notes.pop(0))


def _tell_changed(changed: list[LoopRecord]) -> None:
    """Show a warning for each loop whose file has other pixels than before."""
    for record in changed:
        show_warning(
            f"The file of loop {record.name!r} has other pixels than when it was "
            "painted on. Check whether its labels still fit."
        )


def _opened(saver: Autosaver, folder: Path) -> OpenedProject:
    """Save the current project, and read another one. Runs in a thread."""
    saver.flush()
    opened = open_project(folder)
    opened.read_probabilities()
    find_corrections(opened)
    return opened


def _changed(project: Project, unchecked: dict[int, Cine]) -> list[LoopRecord]:
    """Return the loops whose pixels differ from the stored hash. Runs in a thread.

    `unchecked` is emptied, so that closed loops can leave memory.
    """
    changed = []
    while unchecked:
        number, cine = unchecked.popitem()
        record = project.manifest.loop(number)
        if not is_same(cine, record):
            changed.append(record)
    return changed


def _found(opened: OpenedProject, number: int, at: Path) -> tuple[OpenedProject, int]:
    """Search a file for a missing loop. Runs in a thread."""
    opened.find(number, at)
    return opened, number


def _moved(saver: Autosaver, folder: Path) -> Path:
    """Save a project, and move it to a folder. Runs in a thread."""
    saver.flush()
    project = saver.project
    if project is None:
        raise MotionSegError("there is no project to save")
    if project.folder != named(folder):
        try:
            project.require_there()
        except ReadError:  # its folder was moved or deleted: write all from memory
            project = Project.create(folder)
            saver.start_anew(project)
        else:
            project.move(folder)
        saver.flush()
    return project.folder
