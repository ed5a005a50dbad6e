"""Draw pixels from a batch of pictures, and read the vectors at pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.checks import check_fields

# a shorter vector has no direction, so its cosine is 0
SHORTEST_VECTOR = 1e-6
# far below any flow of a network, far above underflow; see `draw_weighted_pixels`
LEAST_WEIGHT = 1e-30


def draw_pixels(field: Tensor, count: int, *, generator: torch.Generator) -> Tensor:
    """Draw pixels of each picture uniformly, without replacement.

    Parameters
    ----------
    field
        Tensor ``(B, C, H, W)``, of which only shape and device are used.
    count
        Number of pixels of each picture.
    generator
        Generator that draws the pixels, on its own device.

    Returns
    -------
    Tensor
        ``(B, count, 2)`` int64 row and column, on the device of `field`.

    Raises
    ------
    SettingsError
        If a picture has fewer pixels than `count`.
    """
    if field.ndim != 4:
        raise SettingsError(f"field must be (B, C, H, W); got {tuple(field.shape)}")
    batch, _, height, width = field.shape
    if not 1 <= count <= height * width:
        raise SettingsError(
            f"count must be from 1 to the {height * width} pixels of a picture; got "
            f"{count}. Draw fewer points, or use larger windows"
        )
    keys = torch.rand(
        (batch, height * width), generator=generator, device=generator.device
    )
    chosen = keys.topk(count, dim=1).indices.to(field.device)
    return torch.stack((chosen // width, chosen % width), dim=-1)


def draw_weighted_pixels(
    weights: Tensor, count: int, *, generator: torch.Generator
) -> Tensor:
    """Draw pixels of each picture with given probabilities, without replacement.

    Parameters
    ----------
    weights
        Weights ``(B, H, W)`` of at least 0, to which the probabilities are
        proportional.
    count
        Number of pixels of each picture.
    generator
        Generator that draws the pixels, on its own device.

    Returns
    -------
    Tensor
        ``(B, count, 2)`` int64 row and column, on the device of `weights`. If fewer
        than `count` pixels have a weight above 0, all of them are taken, and the rest
        is drawn uniformly.

    Raises
    ------
    SettingsError
        If a picture has fewer pixels than `count`.

    Notes
    -----
    The largest values of log(w) + Gumbel noise are a draw without replacement with
    probabilities proportional to w (Efraimidis & Spirakis, 2006).
    """
    width = weights.shape[-1]
    flat = weights.detach().to(torch.float64).flatten(1).to(generator.device)
    if not 1 <= count <= flat.shape[1]:
        raise SettingsError(
            f"count must be from 1 to the {flat.shape[1]} pixels of a picture; "
            f"got {count}"
        )
    uniform = torch.rand(
        flat.shape, generator=generator, device=flat.device, dtype=torch.float64
    )
    noise = -torch.log(-torch.log(uniform))
    keys = torch.log(flat.clamp(min=LEAST_WEIGHT)) + noise
    chosen = keys.topk(count, dim=1).indices.to(weights.device)
    return torch.stack((chosen // width, chosen % width), dim=-1)


def draw_vectors(
    embedding: Tensor, flow: Tensor, count: int, *, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the embeddings and the flow of random pixels.

    Parameters
    ----------
    embedding
        Embedding ``(B, D, H, W)``.
    flow
        Flow ``(B, 2, H, W)`` in px, x first.
    count
        Number of pixels of each picture.
    generator
        Generator that draws the pixels, on its own device.

    Returns
    -------
    tuple of Tensor
        Embeddings ``(B, count, D)`` and flow ``(B, count, 2)``, float32 or better.

    Raises
    ------
    SettingsError
        If the shapes do not fit together, or a picture has fewer pixels than `count`.
    """
    check_fields(embedding, flow)
    pixels = draw_pixels(flow, count, generator=generator)
    return vectors_at(embedding, pixels), vectors_at(flow, pixels)


def vectors_at(field: Tensor, pixels: Tensor) -> Tensor:
    """Return the vectors ``(B, ..., C)`` of ``(B, C, H, W)`` at pixels ``(B, ..., 2)``.

    Only these vectors are copied, in float32 or better, whatever the layout of `field`.
    """
    batch = torch.arange(len(field), device=field.device)
    batch = batch.view(-1, *[1] * (pixels.ndim - 2))
    values = field[batch, :, pixels[..., 0], pixels[..., 1]]
    return values.to(torch.promote_types(values.dtype, torch.float32))


def unit_vectors(vectors: Tensor) -> Tensor:
    """Scale vectors ``(..., C)`` to length 1; those without direction become 0."""
    square = vectors.square().sum(dim=-1, keepdim=True)
    short = square < SHORTEST_VECTOR**2
    # both branches of `where` get a gradient, so the root must not get a zero
    scale = square.masked_fill(short, 1.0).rsqrt()
    return (vectors * scale).masked_fill(short, 0.0)
