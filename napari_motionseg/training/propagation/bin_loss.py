"""Define the loss of propagation training: the cross entropy of classes of flow."""

from __future__ import annotations

from torch import Tensor


def bin_loss(logits: Tensor, flow: Tensor, limit: float, *, shared: bool) -> Tensor:
    """Return the cross entropy of the bins of x plus that of the bins of y.

    With ``shared=False`` it is the loss of Zhan et al. (2019, equation 1).

    Parameters
    ----------
    logits
        Logits ``(B, 2, C, N)`` of N pixels.
    flow
        Flow ``(B, 2, N)`` in px.
    limit
        Bound in px to which flow is clipped; C equal bins divide the range.
    shared
        Whether a vector is divided between the two bins whose centres are nearest, in
        inverse proportion to the distances. The mean of the bins weighted by these
        shares is the vector itself, so expected flow has no error of quantization.
    """
    bins = logits.shape[2]
    found = logits.float().log_softmax(dim=2)
    place = (flow.float().clamp(-limit, limit) + limit) * (bins / (2 * limit)) - 0.5
    place = place.clamp(0, bins - 1)
    if not shared:
        place = place.round()
    low = place.floor().clamp(max=bins - 2)
    share = (place - low)[:, :, None]
    low = low.long()[:, :, None]
    below, above = found.gather(2, low), found.gather(2, low + 1)
    loss: Tensor = -2 * ((1 - share) * below + share * above).mean()
    return loss
