"""Compute the embedding of one frame, or read it from the store."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_motionseg.embedding.embedding_store import EmbeddingStore, embedding_key
from napari_motionseg.embedding.frame_vectors import FrameVectors
from napari_motionseg.errors import SettingsError
from napari_motionseg.models import SegmentationNet, UNet, resolve_device
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.working_size import at_working_size


def embed_frame(
    model: UNet | SegmentationNet,
    frame: NDArray[np.floating],
    *,
    device: str = "auto",
) -> NDArray[np.float32]:
    """Compute the embedding of each pixel of a frame.

    Parameters
    ----------
    model
        Embedding network, or segmentation network whose embedding is computed. It is
        moved to the device and stays there; its training mode is restored.
    frame
        ``(H, W)`` gray values in [0, 1], as `Cine.normalized` returns them.
    device
        Name of the device, as in `resolve_device`.

    Returns
    -------
    NDArray
        ``(D, H, W)`` float32; the vectors are not normalized.

    Raises
    ------
    SettingsError
        If the frame is not ``(H, W)``.
    """
    if frame.ndim != 2 or 0 in frame.shape:
        raise SettingsError(f"a frame is (H, W); got shape {frame.shape}")
    network = model.embedding if isinstance(model, SegmentationNet) else model
    place = resolve_device(device)
    network = network.to(place)
    image = torch.from_numpy(np.ascontiguousarray(frame, np.float32)).to(place)
    with eval_mode(network), torch.inference_mode():
        embedding = at_working_size(network, network.config, image[None, None])[0]
    result: NDArray[np.float32] = embedding.cpu().numpy()
    return result


def recall_embedding(
    model: UNet | SegmentationNet,
    frame: NDArray[np.floating],
    checkpoint: str,
    store: EmbeddingStore | None,
) -> NDArray[np.float16]:
    """Return the embedding of a frame in half precision, from the store if it has it.

    Parameters
    ----------
    model
        Embedding network, or segmentation network whose embedding is computed.
    frame
        ``(H, W)`` gray values in [0, 1].
    checkpoint
        Hash of the checkpoint that the network was loaded from.
    store
        Store that embeddings are read from and written to; None for no store.

    Raises
    ------
    SettingsError
        If the frame is not ``(H, W)``.
    """
    key = embedding_key(checkpoint, frame)
    kept = None if store is None else store.read(key)
    if kept is None:
        # NumPy takes many times as long for it, and says where a value is too large
        single = torch.from_numpy(embed_frame(model, frame))
        bound = float(np.finfo(np.float16).max)
        kept = np.asarray(single.clamp(-bound, bound).half().numpy())
        if store is not None:
            store.write(key, kept)
    return kept


def class_probabilities(
    model: UNet | SegmentationNet, vector: NDArray[np.floating]
) -> NDArray[np.float32] | None:
    """Return the probability of each class at one pixel.

    Parameters
    ----------
    model
        Network; a network without classes has no probabilities.
    vector
        ``(D,)`` embedding vector of the pixel, from `embed_frame`.

    Returns
    -------
    NDArray or None
        ``(classes,)`` probabilities, the background first, whose sum is 1; None for a
        network without classes.
    """
    if not isinstance(model, SegmentationNet):
        return None
    weights, bias = _head(model)
    logits = weights @ np.asarray(vector, np.float32) + bias
    if model.classes == 2:
        logits = np.append(0, logits)  # one sigmoid is a softmax beside zero
    shares = np.exp(logits - logits.max())
    return np.asarray(shares / shares.sum(), np.float32)


def vessel_probability(
    model: UNet | SegmentationNet, vectors: FrameVectors
) -> NDArray[np.float32] | None:
    """Return the probability of each pixel to be vessel of any class.

    Parameters
    ----------
    model
        Network; a network without classes has no probabilities.
    vectors
        The embedding of a frame by this network.

    Returns
    -------
    NDArray or None
        ``(H, W)`` in [0, 1]; None for a network without classes.
    """
    if not isinstance(model, SegmentationNet):
        return None
    weights, bias = _head(model)
    logits = vectors.products(weights) + bias[:, None, None]
    if model.classes == 2:
        logits = np.concatenate([np.zeros_like(logits), logits])
    logits -= logits.max(axis=0)
    shares = np.exp(logits)
    return np.asarray(1 - shares[0] / shares.sum(axis=0), np.float32)


def _head(model: SegmentationNet) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weights ``(K, D)`` and bias ``(K,)`` of the layer that classifies."""
    weights = model.head.weight.detach().float().cpu().numpy()[:, :, 0, 0]
    if model.head.bias is None:
        return weights, np.zeros(len(weights), np.float32)
    return weights, model.head.bias.detach().float().cpu().numpy()
