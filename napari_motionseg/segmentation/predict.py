"""Segment the frames of a loop with a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.cine.field_of_view import find_cine_field_of_view
from napari_motionseg.errors import CheckpointError, SettingsError
from napari_motionseg.io.labels import Labels
from napari_motionseg.jobs import STOP, Job, Progress, run
from napari_motionseg.jobs.frame_queue import FrameQueue
from napari_motionseg.models import SegmentationNet, load_model, resolve_device
from napari_motionseg.models.catheter_net import CatheterNet
from napari_motionseg.models.class_names import VESSEL
from napari_motionseg.models.familiarity import Familiarity
from napari_motionseg.segmentation.catheter_rule import CatheterRule
from napari_motionseg.segmentation.obeyed_labels import obey
from napari_motionseg.segmentation.predictor import Predictor

STRANGE = (
    "this does not look like the angiograms that the network was trained on: do not "
    "trust its masks"
)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The masks of a loop.

    Parameters
    ----------
    masks
        ``(T, H, W)`` uint8 class numbers, 0 = background.
    probabilities
        ``(T, H, W)`` float16 probability of each pixel to belong to any class but
        the background.
    likeliest
        ``(T, H, W)`` uint8 number of the most probable class except the background.
    done
        ``(T,)`` bool, True for segmented frames. Other frames, and damaged ones,
        are 0 in all arrays.
    threshold
        Probability from which a pixel is not background.
    strangeness
        How unlike the network's training pictures the loop is; see `Familiarity`. None
        if the network does not know.
    strange
        Whether it is so unlike them that the masks are not to be trusted.
    labels
        Labels of the loop that the arrays obey, or None; see `obeyed_labels`.
    """

    masks: NDArray[np.uint8]
    probabilities: NDArray[np.float16]
    likeliest: NDArray[np.uint8]
    done: NDArray[np.bool_]
    threshold: float = 0.5
    strangeness: float | None = None
    strange: bool = False
    labels: Labels | None = None

    @property
    def parts(self) -> tuple[NDArray[np.uint8], NDArray[np.float16], NDArray[np.uint8]]:
        """Masks, probabilities and likeliest classes."""
        return self.masks, self.probabilities, self.likeliest

    def at_threshold(self, threshold: float) -> Segmentation:
        """Return the masks for another threshold; the network is not run again."""
        require_threshold(threshold)
        masks = _masks(self.probabilities, self.likeliest, threshold)
        return replace(self, masks=masks, threshold=threshold)


def segment_job(
    cine: Cine,
    model: str | Path | SegmentationNet,
    *,
    frames: Sequence[int] | None = None,
    threshold: float = 0.5,
    device: str = "auto",
    batch: int = 1,
    whole_picture: bool = False,
    catheters: bool = True,
    labels: Labels | None = None,
) -> Job[Segmentation]:
    """Segment frames of a loop.

    Parameters
    ----------
    cine
        The loop, with frames of any size.
    model
        Path of a ``"segmentation"`` checkpoint, ``"default"``, or a network.
    frames
        Indices of the frames to segment, in this order; None for all from first to
        last. While the job runs, ``job.send(12)`` continues with the frames nearest
        to frame 12.
    threshold
        Probability from which a pixel is not background; Ma et al. (2019) use 0.5.
    device
        Name of the device, as in `resolve_device`.
    batch
        Number of frames to predict at once. If memory runs out, it is halved, then
        frames are cut into tiles; the message of the progress says so.
    whole_picture
        Whether to also mark pixels outside the loop's field of view and along its edge.
        By default nothing is marked there, see `field_of_view`.
    catheters
        Whether a network that tells catheters beside the model is asked, if there is
        one; its class is 2. See `CatheterNet`.
    labels
        Labels of this loop. Their pixels have their classes in the result, whatever the
        network says; None if there are none.

    Yields
    ------
    Progress
        After each frame; `preview` is ``(t, mask, probability, likeliest)``, the arrays
        of the result's `parts` at frame t, or None if the frame is damaged.
        ``metrics["strange"]`` is 1 if the masks are not to be trusted, see
        `Segmentation`.

    Returns
    -------
    Segmentation
        Masks of all frames; after `STOP`, of the frames segmented so far.

    Raises
    ------
    SettingsError
        If a frame index, the threshold or the batch is out of range.
    CheckpointError
        If `model` is not a segmentation checkpoint.
    LabelError
        If the labels do not fit the loop.
    ReadError
        If no frame of the loop can be decoded.
    """
    require_threshold(threshold)
    if labels is not None:
        labels.require_shape(cine.shape)
    require_batch(batch)
    waiting = FrameQueue(_checked_order(frames, len(cine)))
    network, on = load_segmentation(model), resolve_device(device)
    predictor = Predictor(network, on, batch, catheters=catheters)
    result = _empty(cine, threshold, labels)
    inside = None if whole_picture else find_cine_field_of_view(cine).inner()
    rule = catheter_rule(predictor, cine, inside)
    step, total = 0, len(waiting)
    with closing(predictor.predict_all(cine, waiting)) as predicted:
        for t, probabilities in predicted:
            step += 1
            message, preview = f"frame {t} is damaged and left out", None
            if probabilities is not None:
                result = _judged(result, predictor, cine, t)
                _keep(result, t, probabilities, inside, rule)
                message = "; ".join(_notes(result, predictor))
                preview = (t, *(part[t].copy() for part in result.parts))
            told, then = _told(result), waiting.next_frame
            signal = yield Progress(step, total, message, told, preview, (t,), then)
            if signal == STOP:
                return result
            waiting.hear(signal)
    return result


def catheter_rule(
    predictor: Predictor, cine: Cine, inside: NDArray[np.bool_] | None
) -> CatheterRule | None:
    """Return the rule for catheters of a loop; None if no network tells them.

    Parameters
    ----------
    predictor
        Predictor of the loop.
    cine
        The loop.
    inside
        ``(H, W)`` bool, True where something may be marked; None is everywhere.
    """
    if not predictor.tells_catheters:
        return None
    everywhere = np.ones(cine.shape[1:], np.bool_)
    shown = everywhere if inside is None else inside
    return CatheterRule(shown, as_background=predictor.catheters_are_background)


def _empty(cine: Cine, threshold: float, labels: Labels | None) -> Segmentation:
    """Return a segmentation in which no frame is done."""
    return Segmentation(
        masks=np.zeros(cine.shape, np.uint8),
        probabilities=np.zeros(cine.shape, np.float16),
        likeliest=np.zeros(cine.shape, np.uint8),
        done=np.zeros(len(cine), np.bool_),
        threshold=threshold,
        labels=labels,
    )


def _judged(
    result: Segmentation, predictor: Predictor, cine: Cine, t: int
) -> Segmentation:
    """Return a result that says how unlike the training pictures its first frame is."""
    known = predictor.familiarity
    if known is None or result.strangeness is not None:
        return result
    strangeness = predictor.strangeness(cine.normalized(t))
    strange = strangeness > known.limit
    return replace(result, strangeness=strangeness, strange=strange)


def segment(
    cine: Cine,
    model: str | Path | SegmentationNet,
    *,
    frames: Sequence[int] | None = None,
    threshold: float = 0.5,
    device: str = "auto",
    batch: int = 1,
    whole_picture: bool = False,
    catheters: bool = True,
    labels: Labels | None = None,
) -> Segmentation:
    """Run `segment_job` to its end."""
    job = segment_job(
        cine, model, frames=frames, threshold=threshold, device=device, batch=batch,
        whole_picture=whole_picture, catheters=catheters, labels=labels,
    )  # fmt: skip
    return run(job)


def load_segmentation(model: str | Path | SegmentationNet) -> SegmentationNet:
    """Return a given network unchanged, or load one from a checkpoint.

    Parameters
    ----------
    model
        Network, path of a ``"segmentation"`` checkpoint, or ``"default"``.

    Raises
    ------
    CheckpointError
        If the checkpoint holds no segmentation network.
    """
    if isinstance(model, SegmentationNet):
        return model
    network, card = load_model(model, kind="segmentation")
    if not isinstance(network, SegmentationNet):
        raise CheckpointError(f"{model}: {card.architecture} gives no masks")
    network.familiarity = Familiarity.of_card(card.provenance)
    if network.classes == VESSEL + 1:
        network.catheters = CatheterNet.of_card(card.provenance)
    return network


def _keep(
    result: Segmentation,
    t: int,
    probabilities: NDArray[np.float32],
    inside: NDArray[np.bool_] | None,
    rule: CatheterRule | None,
) -> None:
    """Store the probabilities ``(classes, H, W)`` of frame `t` in the result.

    Outside `inside` ``(H, W)`` all pixels become background; None is inside everywhere.
    With a rule, the last plane is the probability of a catheter beside the classes.
    """
    if rule is not None:
        probabilities = rule.divided(probabilities[:-1], probabilities[-1])
    foreground = 1 - probabilities[0]
    if inside is not None:
        foreground = np.where(inside, foreground, 0)
    result.probabilities[t] = foreground
    result.likeliest[t] = 1 + probabilities[1:].argmax(axis=0)
    if result.labels is not None:
        obey(result.probabilities[t], result.likeliest[t], result.labels.target(t))
    result.masks[t] = _masks(
        result.probabilities[t], result.likeliest[t], result.threshold
    )
    result.done[t] = True


def _masks(
    probabilities: NDArray[np.float16], likeliest: NDArray[np.uint8], threshold: float
) -> NDArray[np.uint8]:
    return np.where(probabilities >= np.float16(threshold), likeliest, np.uint8(0))


def _checked_order(frames: Sequence[int] | None, count: int) -> list[int]:
    order = list(range(count)) if frames is None else [int(t) for t in frames]
    outside = [t for t in order if not 0 <= t < count]
    if outside:
        raise SettingsError(
            f"frame {outside[0]} is outside the loop's frames 0 to {count - 1}"
        )
    return order


def require_batch(batch: int) -> None:
    """Raise `SettingsError` unless a number of frames is at least 1."""
    if batch < 1:
        raise SettingsError(f"batch must be at least 1; got {batch}")


def require_threshold(threshold: float) -> None:
    """Raise `SettingsError` unless a threshold lies between 0 and 1."""
    if not 0 < threshold < 1:
        raise SettingsError(f"threshold must be between 0 and 1; got {threshold}")


def _told(result: Segmentation) -> dict[str, float]:
    """Return what a result says of its loop, as the metrics of a progress."""
    return {} if result.strangeness is None else {"strange": float(result.strange)}


def _notes(result: Segmentation, predictor: Predictor) -> list[str]:
    """Return what the user should know: less memory, masks not to be trusted."""
    return [*predictor.notes[-1:], *([STRANGE] if result.strange else [])]
