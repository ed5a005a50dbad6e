"""Draw vessels and the views in which they are seen, by anatomy."""

from __future__ import annotations

from torch import Tensor

from napari_motionseg.synthesis.centrelines import Trees
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.geometry import Cameras, draw_cameras
from napari_motionseg.synthesis.named_trees import grow_named_trees
from napari_motionseg.synthesis.projections import draw_usual_views, towards
from napari_motionseg.synthesis.territories import territory_of
from napari_motionseg.synthesis.vessels import grow_trees

JITTER_PX = 35  # standard deviation of the middle's position, at 512 px


def draw_viewed_trees(
    config: SynthesisConfig, count: int, draws: Draws
) -> tuple[Trees, Tensor, Cameras]:
    """Draw the vessels of `count` scenes and their views, which are centred.

    Parameters
    ----------
    config
        Its `anatomy` says which vessels and views are drawn.
    count
        Number of scenes.
    draws
        Source of the random numbers.

    Returns
    -------
    tuple[Trees, Tensor, Cameras]
        The trees, the index ``(B,)`` of the sample at the ostium of each injected
        tree, and the views.
    """
    territory = territory_of(config)
    if territory is None:
        trees = grow_trees(config, count, draws)
        cameras = draw_cameras(config, count, draws)
        cameras = cameras.centred(trees.points, trees.scene, _jitter(count, draws))
        return trees, trees.first_samples(count), cameras
    # aside, so that settings of the vessels leave the rest of a scene as it is
    trees = grow_named_trees(territory, config, count, draws.aside())
    ostia = trees.first_samples(count)
    cameras = draw_usual_views(territory, config, trees.tree[ostia], draws)
    cameras = towards(territory, cameras, trees, _jitter(count, draws))
    return trees, ostia, cameras


def _jitter(count: int, draws: Draws) -> Tensor:
    """Return how far ``(B, 2)`` in px the middle is beside that of the picture."""
    return JITTER_PX * draws.normal((count, 2))
