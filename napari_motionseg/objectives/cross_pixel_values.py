"""Hold the values of the flow kernel in Mahendran et al. (ACCV 2018), section 3."""

from __future__ import annotations

import math

FLOW_BOUND_PX = 56.0  # px, M of equation 6
LEARNED_SIGMA = math.sqrt(0.0067)  # value at the end of the paper's training, section 3
