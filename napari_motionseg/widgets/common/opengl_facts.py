"""Print the version of OpenGL in a window as JSON; `motionseg doctor` runs this.

python -m napari_motionseg.widgets.common.opengl_facts
"""

from __future__ import annotations

import json
from typing import Any

from qtpy.QtGui import QOffscreenSurface, QOpenGLContext
from qtpy.QtWidgets import QApplication


def opengl_facts() -> dict[str, Any]:
    """Return version, renderer and largest texture of an OpenGL context of Qt.

    A Qt application must exist.

    Raises
    ------
    RuntimeError
        If Qt cannot create an OpenGL context.
    """
    surface = QOffscreenSurface()
    surface.create()
    context = QOpenGLContext()
    if not context.create() or not context.makeCurrent(surface):
        raise RuntimeError("Qt gets no OpenGL context")
    # import it after the context exists, so that it uses the library of Qt
    from vispy.gloo import gl

    facts = {
        "version": gl.glGetParameter(gl.GL_VERSION),
        "renderer": gl.glGetParameter(gl.GL_RENDERER),
        "texture": int(gl.glGetParameter(gl.GL_MAX_TEXTURE_SIZE)),
    }
    context.doneCurrent()
    return facts


def main() -> None:
    """Print the facts as one line."""
    application = QApplication([])
    print(json.dumps(opengl_facts()))  # noqa: T201 - another process reads it
    application.quit()


if __name__ == "__main__":
    main()
