"""Numbers that both sides of the parity suite compute for themselves.

Weights and signals are functions of a tensor's name and an element's index, in
integer arithmetic and correctly rounded f64 operations only, so that Python and
Rust get the same bits and nothing large is committed. The Rust side is
`tests/parity/formula.rs`; a test compares what both give.
"""

import math

import numpy as np

GAMMA = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1

#: Sums kept of a tensor that is too large to keep whole.
BUCKETS = 128
#: Tensors of up to this many elements are kept whole.
WHOLE = 512


def key(name: str) -> int:
    """FNV-1a, 64 bits, of the name's bytes."""
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def words(name: str, start: int, count: int) -> np.ndarray:
    """Elements `start..start+count` of the stream of u64 that belongs to `name`: SplitMix64 seeded with `key(name)`."""
    with np.errstate(over="ignore"):
        z = np.uint64(key(name)) + np.arange(start + 1, start + count + 1, dtype=np.uint64) * np.uint64(GAMMA)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def unit(name: str, count: int) -> np.ndarray:
    """`count` f64 in [0, 1): the upper 53 bits of each word."""
    return (words(name, 0, count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def spread(name: str, count: int, centre: float, reach: float) -> np.ndarray:
    """`count` f32 in centre ± reach: computed in f64, rounded once."""
    return (centre + (2.0 * unit(name, count) - 1.0) * reach).astype(np.float32)


def eighths(name: str, count: int, reach: int) -> np.ndarray:
    """`count` f32 among the multiples of 1/8 in ±reach/8: (word mod (2 reach + 1) − reach) / 8."""
    return ((words(name, 0, count) % np.uint64(2 * reach + 1)).astype(np.int64) - reach).astype(np.float32) / 8


def parameter(label: str, shape: tuple[int, ...], normalises: bool) -> np.ndarray:
    """The start value of a parameter or running statistic.

    Weights of convolutions (O, I, K) and linear layers (O, I) are Xavier-uniform;
    biases, scales and statistics get a spread, so that a layer that forgets one
    of them is found out. `normalises`: the tensor belongs to a batch norm.
    """
    count = math.prod(shape)
    kind = label.rsplit(".", 1)[1]
    if kind == "running_mean":
        values = spread(label, count, 0.0, 0.1)
    elif kind == "running_var" or (kind == "weight" and normalises):
        values = spread(label, count, 1.0, 0.25)
    elif kind == "bias":
        values = spread(label, count, 0.0, 0.1 if normalises else 0.05)
    elif kind == "weight":
        out, fan = shape[0], math.prod(shape[2:])
        values = spread(label, count, 0.0, math.sqrt(6.0 / ((shape[1] + out) * fan)))
    else:
        raise ValueError(f"no rule for the tensor `{label}`")
    return values.reshape(shape)


def sticks(name: str, batch: int, length: int) -> np.ndarray:
    """A batch (B, L) that looks like thresholded stick patterns: mostly zero, the highest stick 1.

    Row b has length/150 + 4 + (word 0 mod (length/75 + 4)) sticks. Stick i stands at
    (word 2i+1 mod L); its height is 0.1 + 0.9 u³ with u from word 2i+2; where sticks
    meet, the later one stays. Then stick 0 gets height 1.
    """
    signals = np.zeros((batch, length), dtype=np.float32)
    for b in range(batch):
        label = f"{name}/{b}"
        first = int(words(label, 0, 1)[0])
        count = length // 150 + 4 + first % (length // 75 + 4)
        w = words(label, 1, 2 * count)
        u = (w[1::2] >> np.uint64(11)).astype(np.float64) * 2.0**-53
        at = (w[0::2] % np.uint64(length)).astype(np.int64)
        for position, height in zip(at, (0.1 + 0.9 * (u * u * u)).astype(np.float32)):
            signals[b, position] = height
        signals[b, at[0]] = 1.0
    return signals


def measured(name: str, batch: int, length: int) -> np.ndarray:
    """A batch (B, L) like a measured scan: sticks on a background in [0, 0.1), no two points alike."""
    background = spread(f"{name}/background", batch * length, 0.05, 0.05).reshape(batch, length)
    return sticks(name, batch, length) + background


def classes(name: str, batch: int) -> np.ndarray:
    """Labels or pseudo-labels (B,), 0 or 1: the lowest bit of each word."""
    return (words(name, 0, batch) & np.uint64(1)).astype(np.int64)


def mask(name: str, batch: int) -> np.ndarray:
    """Which pseudo-labels count (B,), 0.0 or 1.0: three of four on average."""
    return ((words(name, 0, batch) & np.uint64(3)) != 0).astype(np.float64)


def kept(label: str, values: np.ndarray) -> np.ndarray:
    """What a golden file keeps of a tensor, f64.

    Up to `WHOLE` elements: all of them. Above: a count sketch (Charikar et al. 2002). Element i is
    added to bucket (its word's upper 7 bits), negated when the word's lowest bit is set; the sums of
    the 128 buckets, then the norm of the whole. For any error tensor the sum of squares of its
    buckets estimates its squared norm to about 12 %, and every element takes part.
    """
    flat = values.astype(np.float64).ravel()
    if flat.size <= WHOLE:
        return flat
    w = words(f"buckets/{label}", 0, flat.size)
    bucket = (w >> np.uint64(57)).astype(np.int64)
    signed = np.where(w & np.uint64(1), -flat, flat)
    return np.append(np.bincount(bucket, weights=signed, minlength=BUCKETS), np.linalg.norm(flat))
