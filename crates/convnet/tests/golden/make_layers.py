"""Writes `layers.safetensors`: every convolution of every preset at 4501 points, alone.

    python make_layers.py            # about one minute on two cores

For each shape C→D, kernel K, stride S, input length L (padding 1, batch 2), under the name
`C-D-kK-sS-L`: the double-precision results `NAME/forward` (B, D, L'), `NAME/input gradient`
(B, C, L) and `NAME/weight gradient` (D, C, K) in the form of `formula.kept`, and the relative L2
errors of PyTorch's float32, `float32 error/RECORD`: [default layout, channels-last]. The signals are
rectified, as behind a ReLU, except those of the first layers, which are stick patterns.
"""

import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

import formula
from networks import VGG, feature_layers

BATCH = 2
LENGTH = 4501


def shapes() -> dict[str, tuple[int, int, int, int, int]]:
    """(C, D, K, S, L) by name, each once."""
    found = {}
    for preset in ("paper", *VGG):
        length = LENGTH
        for layer in feature_layers(preset):
            if isinstance(layer, nn.Conv1d):
                kernel, stride = layer.kernel_size[0], layer.stride[0]
                shape = (layer.in_channels, layer.out_channels, kernel, stride, length)
                found["{}-{}-k{}-s{}-{}".format(*shape)] = shape
                length = (length + 2 - kernel) // stride + 1
            elif isinstance(layer, nn.MaxPool1d):
                length //= 2
    return found


def operands(name: str, shape: tuple[int, int, int, int, int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Signals, weights and the gradient by the output, f32."""
    inputs, outputs, kernel, stride, length = shape
    if inputs == 1:
        signals = formula.sticks(f"{name}/signals", BATCH, length)
    else:
        signals = np.maximum(formula.spread(f"{name}/signals", BATCH * inputs * length, 0.0, 1.0), 0.0)
    weights = formula.parameter(f"{name}/conv.weight", (outputs, inputs, kernel), False)
    points = (length + 2 - kernel) // stride + 1
    gradient = formula.spread(f"{name}/gradient", BATCH * outputs * points, 0.0, 1.0)
    return (
        torch.from_numpy(signals.reshape(BATCH, inputs, length)),
        torch.from_numpy(weights),
        torch.from_numpy(gradient.reshape(BATCH, outputs, points)),
    )


def convolve(signals, weights, gradient, stride: int, channels_last: bool) -> dict[str, torch.Tensor]:
    """The three products, computed in one of PyTorch's two layouts."""
    steps, pads = [stride], [1]
    if channels_last:  # as a picture of height 1, the only form PyTorch has that layout for
        signals, weights, gradient = (
            t.unsqueeze(2).contiguous(memory_format=torch.channels_last) for t in (signals, weights, gradient)
        )
        steps, pads = [1, stride], [0, 1]
    ones, zeros = [1] * len(steps), [0] * len(steps)
    forward = torch.ops.aten.convolution(signals, weights, None, steps, pads, ones, False, zeros, 1)
    dx, dw, _ = torch.ops.aten.convolution_backward(
        gradient, signals, weights, None, steps, pads, ones, False, zeros, 1, [True, True, False]
    )
    results = {"forward": forward, "input gradient": dx, "weight gradient": dw}
    return {name: t.squeeze(2) if channels_last else t for name, t in results.items()}


def main() -> None:
    content = {}
    for name, shape in shapes().items():
        single = operands(name, shape)
        truth = convolve(*(t.double() for t in single), shape[3], channels_last=False)
        layouts = [convolve(*single, shape[3], channels_last) for channels_last in (False, True)]
        for product, exact in truth.items():
            record = f"{name}/{product}"
            errors = [((found[product].double() - exact).norm() / exact.norm()).item() for found in layouts]
            content[record] = formula.kept(record, exact.numpy())
            content[f"float32 error/{record}"] = np.array(errors)
            print(f"{record}: float32 error {errors[0]:.1e}, channels-last {errors[1]:.1e}")
    path = pathlib.Path(__file__).parent / "layers.safetensors"
    save_file(content, path, metadata={"torch": torch.__version__, "numpy": np.__version__, "batch": str(BATCH)})
    print(f"{path.name}: {len(content)} records, {path.stat().st_size} bytes")


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
