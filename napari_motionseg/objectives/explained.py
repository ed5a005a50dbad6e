r"""Tell which share of the information in flow an embedding explains.

The loss of an objective has a least value, which only a perfect answer reaches, and a
value that the best constant answer reaches without looking at the picture. A loss that
falls proves little if these two are close. Therefore each objective reports

.. math:: \text{explained} = 1 - \frac{L - L_\text{least}}
    {L_\text{constant} - L_\text{least}}

For cross entropies this is :math:`1 - KL(P_f, P_\phi) / KL(P_f, \text{constant})`. It
is 0 for an embedding that is the same everywhere, 1 for one that tells all of the
target, and negative for one that is worse than a constant. The denominator is the
*information* of the target: it depends on the flow alone, and nothing can be learnt
where it is almost 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

EXPLAINED, INFORMATION = "explained", "information"
# below the rounding of float32 losses there is nothing to explain
LEAST_INFORMATION = 1e-6

Amount = Tensor | float


def explained_metrics(
    loss: Amount, constant: Amount, least: Amount = 0.0
) -> dict[str, float]:
    """Return the metrics ``"explained"`` and ``"information"`` of a batch.

    Parameters
    ----------
    loss
        Loss of the embedding.
    constant
        Loss of the best answer that is the same for all pixels, in the unit of `loss`.
    least
        Least loss that any answer has, in the unit of `loss`.

    Returns
    -------
    dict
        ``"information"`` is ``constant - least``. ``"explained"`` is missing if there
        is no information.
    """
    values = [float(torch.as_tensor(x).detach()) for x in (loss, constant, least)]
    information = max(0.0, values[1] - values[2])
    if not information > LEAST_INFORMATION:
        return {INFORMATION: information}
    share = 1 - (values[0] - values[2]) / information
    return {EXPLAINED: share, INFORMATION: information}


def pooled_explained(batches: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the metrics of several batches together, as if they were one batch.

    The mean is weighted by information: a batch in which hardly anything moves can be
    explained arbitrarily badly, and must not dominate.

    Parameters
    ----------
    batches
        Metrics of each batch; those without the metric ``"information"`` are ignored.
    """
    known = [batch for batch in batches if INFORMATION in batch]
    if not known:
        return {}
    count = len(known)
    information = sum(batch[INFORMATION] for batch in known)
    # information that cannot be explained has no share; nothing of it is explained
    told = sum(batch[INFORMATION] * batch.get(EXPLAINED, 0.0) for batch in known)
    return explained_metrics((information - told) / count, information / count)


def class_entropy(classes: Tensor, count: int) -> Tensor:
    """Return the entropy of the frequencies of classes, in nats.

    This is the cross entropy of the best constant prediction of these classes.

    Parameters
    ----------
    classes
        Classes from 0, of any shape, as int64.
    count
        Number of classes.
    """
    shares = torch.bincount(classes.flatten(), minlength=count) / classes.numel()
    return -torch.xlogy(shares, shares).sum()
