"""Take the explorer's pictures of the documentation, on a synthetic loop:
`xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshots_explorer.py`.

Writes explorer.png and figure3.jpg, and beside a second checkpoint explorer_pair.png
and figure3_pair.jpg. With ``--loop FILE --frame N --anchor ROW,COLUMN`` it looks into a
loop of your own; those pictures go to ``--out`` and nowhere else.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from coronary_loop import coronary_loop, moving_point
from figure_measure import exact_flow
from real_window import RealWindow

from napari_motionseg.contributions import cine_layer
from napari_motionseg.demo import liveliest_frame
from napari_motionseg.embedding.embedding_views import FIGURE_3
from napari_motionseg.embedding.figure import draw_figure, save_figure
from napari_motionseg.models import checkpoint_path
from napari_motionseg.models.model_card import DEFAULT, WEIGHTS_FOLDER
from napari_motionseg.motion import FlowSequence
from napari_motionseg.synthesis import synthesize_cine
from napari_motionseg.widgets.common.open_docks import PLUGIN, open_docks

SEED = 2
DOCK_PX = 400  # the rest is for the pictures
PAIR_SIZE = 1440, 680  # two rows of six are low
TAUGHT = WEIGHTS_FOLDER / "motion-xa.safetensors"  # the embedding that motion taught


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--loop", type=Path)
    parser.add_argument("--frame", type=int)
    parser.add_argument("--anchor", default="256,256")
    parser.add_argument(
        "--other", type=Path, default=TAUGHT, help="A second checkpoint."
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    Pictures(options).take()


class Pictures(RealWindow):
    """The explorer in a window, with the loop's flow."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__()
        self.out, self.other = options.out, options.other
        self.flow: FlowSequence | None = None
        self.anchor, self.frame = self.open_loop(options)
        self.docks = open_docks(self.viewer)
        self.dock = self.front("Embedding")
        self.explorer = self.dock.explorer
        self.settle(1.0)
        self.make_room(DOCK_PX)

    def open_loop(self, options: argparse.Namespace) -> tuple[tuple[int, int], int]:
        if options.loop is not None:
            self.viewer.open(options.loop, plugin=PLUGIN)
            row, column = (int(number) for number in options.anchor.split(","))
            return (row, column), options.frame or 0
        config = coronary_loop(frames=10, tree="left", bolus=False)
        made = synthesize_cine(config, SEED)
        data, attributes, _ = cine_layer(
            dataclasses.replace(made.cine, name="angiogram")
        )
        self.viewer.add_image(data, **attributes)
        self.flow = exact_flow(made)
        frame = liveliest_frame(self.flow.forward, made.masks)
        return moving_point(self.flow.forward[frame], made.masks[frame]), frame

    def take(self) -> None:
        explorer, controls = self.explorer, self.explorer.controls
        self.viewer.dims.set_point(0, self.frame)
        for name in FIGURE_3:
            controls.boxes[name].setChecked(True)
        controls.on.click()
        self.ready()
        self.find_flow()
        self.put(self.anchor)
        self.embed_all()
        self.take_both("explorer.png", "figure3.jpg")
        self.window.resize(*PAIR_SIZE)
        controls.model.choose(checkpoint_path(DEFAULT))
        controls.other.open_file(self.other)
        self.ready()
        self.embed_all()
        self.take_both("explorer_pair.png", "figure3_pair.jpg")
        explorer.clear()
        self.ready()
        self.viewer.close()

    def take_both(self, window: str, figure: str) -> None:
        """Write pictures of the window and of the figure that the dock exports."""
        self.front("Embedding")
        self.shoot(self.out / window)
        found = self.explorer.found
        drawn = draw_figure(found.figure_rows(), "", found.names)
        save_figure(drawn, self.out / figure)  # docs have it at a width of 1600 px

    def find_flow(self) -> None:
        """Take the exact flow of the synthetic loop; that of another is estimated."""
        if self.flow is None:
            self.dock.explorer_actions.flow_button.click()
            self.wait(lambda: not self.dock.explorer_actions.panel.running)
            return
        session = self.dock.session
        session.set_flow(session.loop(self.viewer.layers[0]), self.flow)

    def put(self, pixel: tuple[int, int]) -> None:
        """Set the anchor as a click does."""
        self.explorer.set_anchors((pixel,))
        self.ready()

    def embed_all(self) -> None:
        """Wait for all frames: only then is the colours' contrast that of the loop."""
        count = len(self.viewer.layers[0].data)
        self.wait(lambda: self.explorer.feed.known() == (count, count))
        self.ready()

    def ready(self) -> None:
        self.settle(0.2)
        explorer = self.explorer
        self.wait(lambda: not (explorer.pictures.busy or explorer.layers.busy))


if __name__ == "__main__":
    main()
