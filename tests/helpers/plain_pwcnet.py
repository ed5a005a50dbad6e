"""PWC-Net in plain NumPy, float64, slow: from the published layout of its weights.

Written from the facts of the format alone; it shares no line with the package.
"""

import numpy as np

CHANNELS = {1: 16, 2: 32, 3: 64, 4: 96, 5: 128, 6: 196}
DENSE = (128, 128, 96, 64, 32)
CONTEXT = (128, 128, 128, 96, 64, 32, 2)
DILATIONS = (1, 2, 4, 8, 16, 1, 1)
SCALES = {5: 0.625, 4: 1.25, 3: 2.5, 2: 5.0}


def random_weights(seed=0):
    """A state dict in the original release's names, small random float32 values."""
    generator = np.random.default_rng(seed)
    state = {}

    def add(name, out, into, size=3):
        scale = 1.3 / np.sqrt(into * size * size)
        state[f"{name}.weight"] = generator.normal(0, scale, (out, into, size, size))
        state[f"{name}.bias"] = generator.normal(0, 0.05, out)

    before = 3
    for level, channels in CHANNELS.items():
        first, *rest = ("a", "aa", "b") if level < 6 else ("aa", "a", "b")
        add(f"conv{level}{first}.0", channels, before)
        for part in rest:
            add(f"conv{level}{part}.0", channels, channels)
        before = channels
    for level in range(6, 1, -1):
        into = 81 if level == 6 else 81 + CHANNELS[level] + 4
        for number, out in enumerate(DENSE):
            add(f"conv{level}_{number}.0", out, into)
            into += out
        add(f"predict_flow{level}", 2, into)
        add(f"deconv{level}", 2, 2, 4)
        if level > 2:
            add(f"upfeat{level}", 2, into, 4)
            swapped = state[f"upfeat{level}.weight"]
            state[f"upfeat{level}.weight"] = swapped.swapaxes(0, 1).copy()
    for number, out in enumerate(CONTEXT, start=1):
        dot = ".0" if number < 7 else ""
        add(f"dc_conv{number}{dot}", out, into)
        into = out
    return {name: value.astype(np.float32) for name, value in state.items()}


def convolve(x, weight, bias, stride=1, dilation=1):
    """A 3 x 3 convolution, zeros outside, of ``(C, H, W)``."""
    height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), (dilation, dilation), (dilation, dilation)))
    out = np.zeros((len(weight), -(-height // stride), -(-width // stride)))
    for dy in range(3):
        for dx in range(3):
            window = padded[
                :, dy * dilation : dy * dilation + height : stride,
                dx * dilation : dx * dilation + width : stride,
            ]  # fmt: skip
            out += np.einsum("oc,chw->ohw", weight[:, :, dy, dx], window)
    return out + bias[:, None, None]


def double(x, weight, bias):
    """A transposed 4 x 4 convolution of stride 2 that doubles the sides."""
    channels, height, width = x.shape
    out = np.zeros((weight.shape[1], 2 * height + 2, 2 * width + 2))
    for row in range(height):
        for column in range(width):
            patch = np.einsum("c,coyx->oyx", x[:, row, column], weight)
            out[:, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4] += patch
    return out[:, 1:-1, 1:-1] + bias[:, None, None]


def leaky(x):
    return np.where(x > 0, x, 0.1 * x)


def correlate(first, second):
    """81 means of products, dy outer, dx inner."""
    channels, height, width = first.shape
    out = np.zeros((81, height, width))
    for place, (dy, dx) in enumerate(np.ndindex(9, 9)):
        for row in range(height):
            for column in range(width):
                y, x = row + dy - 4, column + dx - 4
                if 0 <= y < height and 0 <= x < width:
                    product = first[:, row, column] * second[:, y, x]
                    out[place, row, column] = product.mean()
    return out


def warp(x, flow):
    """Bilinear samples at p + flow(p), zero where any neighbour is outside."""
    channels, height, width = x.shape
    out = np.zeros_like(x)
    for row in range(height):
        for column in range(width):
            u, v = column + flow[0, row, column], row + flow[1, row, column]
            left, top = int(np.floor(u)), int(np.floor(v))
            total = np.zeros(channels)
            inside = 0.0
            for y, wy in ((top, top + 1 - v), (top + 1, v - top)):
                for z, wx in ((left, left + 1 - u), (left + 1, u - left)):
                    if 0 <= y < height and 0 <= z < width:
                        total += wy * wx * x[:, y, z]
                        inside += wy * wx
            if inside >= 0.9999:
                out[:, row, column] = total
    return out


def pyramid(state, picture):
    levels, x = {}, picture
    for level in CHANNELS:
        order = ("a", "aa", "b") if level < 6 else ("aa", "a", "b")
        for number, part in enumerate(order):
            name = f"conv{level}{part}.0"
            x = leaky(
                convolve(
                    x, state[f"{name}.weight"], state[f"{name}.bias"],
                    stride=2 if number == 0 else 1,
                )
            )  # fmt: skip
        levels[level] = x
    return levels


def quarter_flow(state, first, second):
    """The flow ``(2, H/4, W/4)`` in px of two pictures ``(3, H, W)``."""
    state = {name: value.astype(np.float64) for name, value in state.items()}
    ours, theirs = pyramid(state, first), pyramid(state, second)
    flow = features = None
    for level in range(6, 1, -1):
        if level == 6:
            x = leaky(correlate(ours[6], theirs[6]))
        else:
            up = f"deconv{level + 1}"
            flow = double(flow, state[f"{up}.weight"], state[f"{up}.bias"])
            up = f"upfeat{level + 1}"
            hints = double(features, state[f"{up}.weight"], state[f"{up}.bias"])
            warped = warp(theirs[level], flow * SCALES[level])
            costs = leaky(correlate(ours[level], warped))
            x = np.concatenate((costs, ours[level], flow, hints))
        for number in range(5):
            name = f"conv{level}_{number}.0"
            new = leaky(convolve(x, state[f"{name}.weight"], state[f"{name}.bias"]))
            x = np.concatenate((new, x))
        name = f"predict_flow{level}"
        flow = convolve(x, state[f"{name}.weight"], state[f"{name}.bias"])
        features = x
    for number, dilation in enumerate(DILATIONS, start=1):
        name = f"dc_conv{number}" + (".0" if number < 7 else "")
        x = convolve(
            x, state[f"{name}.weight"], state[f"{name}.bias"], dilation=dilation
        )
        x = leaky(x) if number < 7 else x
    return 20 * (flow + x)


WORDS = {1: "One", 2: "Two", 3: "Thr", 4: "Fou", 5: "Fiv", 6: "Six"}


def reimplementation(state, word="module"):
    """The same weights in the names of the well-known re-implementation."""
    renamed = {}
    for name, value in state.items():
        parts = name.split(".")
        head, kind = parts[0], parts[-1]
        if head.startswith("deconv2"):
            continue
        if head.startswith("dc_conv"):
            place = 2 * (int(head[-1]) - 1)
            key = f"{word}Refiner.{word}Main.{place}"
        elif head.startswith(("predict_flow", "deconv", "upfeat")):
            level = int(head[-1])
            if head.startswith("predict_flow"):
                key = f"{word}{WORDS[level]}.{word}Six.0"
            else:
                part = "Upflow" if head.startswith("deconv") else "Upfeat"
                key = f"{word}{WORDS[level - 1]}.{word}{part}"
        elif "_" in head:
            level, number = int(head[4]), int(head[6])
            key = f"{word}{WORDS[level]}.{word}{WORDS[number + 1]}.0"
        else:
            level, part = int(head[4]), head[5:]
            order = ("a", "aa", "b") if level < 6 else ("aa", "a", "b")
            place = 2 * order.index(part)
            key = f"{word}Extractor.{word}{WORDS[level]}.{place}"
        renamed[f"{key}.{kind}"] = value
    return renamed
