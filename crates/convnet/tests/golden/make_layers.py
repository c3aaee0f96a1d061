"""Writes `layers.safetensors`: every convolution of every preset at 4501 points.

    python make_layers.py            # about one minute on two cores

So that an engine shows a single convolution through its public face, each stands in a network of
its own: `Conv(1→C, k 1) – ReLU – Conv(C→D, k K, stride S, pad 1) – Linear(2)`; the first two are
left out for C = 1. The signals (2, L) and the first convolution are such that the products and sums
before the convolution of interest are exact in f32. Records, under the name `C-D-kK-sS-L`:

    NAME/forward           what enters the linear layer (2, D, L')
    NAME/weight gradient   (D, C, K), for ∂loss/∂logits = the identity: sample b sends back row b of
                           the linear layer's weights
    NAME/input gradient    d logit 0 / d signals (2, L)
    float32 error/RECORD   relative L2 errors of PyTorch's float32: [default layout, channels-last]

f64 in the form of `formula.kept`.
"""

import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

import formula
from networks import VGG, feature_layers

LENGTH = 4501
Shape = tuple[int, int, int, int, int]


def shapes() -> dict[str, Shape]:
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


def operands(name: str, shape: Shape) -> list[torch.Tensor]:
    """Signals (2, 1, L), lift's weights and biases (C), the convolution's (D, C, K) and (D), the linear
    layer's (2, D·L')."""
    inputs, outputs, kernel, stride, length = shape
    points = (length + 2 - kernel) // stride + 1
    if inputs == 1:
        signals = formula.sticks(f"{name}/signals", 2, length)
    else:
        signals = formula.eighths(f"{name}/signals", 2 * length, 64)
    tensors = [
        signals.reshape(2, 1, length),
        formula.eighths(f"{name}/lift.weight", inputs, 16),
        formula.eighths(f"{name}/lift.bias", inputs, 64),
        formula.parameter(f"{name}/conv.weight", (outputs, inputs, kernel), False),
        formula.parameter(f"{name}/conv.bias", (outputs,), False),
        formula.parameter(f"{name}/linear.weight", (2, outputs * points), False),
    ]
    return [torch.from_numpy(t) for t in tensors]


def run(shape: Shape, tensors: list[torch.Tensor], channels_last: bool) -> dict[str, torch.Tensor]:
    """The records of one network, in one of PyTorch's two layouts."""
    inputs, _, _, stride, _ = shape
    signals, lift, lift_bias, weights, bias, linear = tensors
    convolve, arguments = torch.conv1d, {"stride": stride, "padding": 1}
    if channels_last:  # as a picture of height 1, the only form PyTorch has that layout for
        signals, weights = (t.unsqueeze(2).contiguous(memory_format=torch.channels_last) for t in (signals, weights))
        convolve, arguments = torch.conv2d, {"stride": (1, stride), "padding": (0, 1)}
    signals.requires_grad_()
    weights.requires_grad_()
    along_channels = (1, -1) + (1,) * (signals.dim() - 2)
    x = signals
    if inputs > 1:
        x = torch.relu(signals * lift.view(along_channels) + lift_bias.view(along_channels))
        if channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
    y = convolve(x, weights, bias, **arguments)
    logits = y.flatten(1) @ linear.T
    (weight_gradient,) = torch.autograd.grad(logits.diagonal().sum(), weights, retain_graph=True)
    (input_gradient,) = torch.autograd.grad(logits[:, 0].sum(), signals)
    results = {"forward": y, "weight gradient": weight_gradient, "input gradient": input_gradient}
    return {name: (t.squeeze(2) if channels_last else t).detach() for name, t in results.items()}


def main() -> None:
    content = {}
    for name, shape in shapes().items():
        single = operands(name, shape)
        truth = run(shape, [t.double() for t in single], channels_last=False)
        layouts = [run(shape, [t.clone() for t in single], channels_last) for channels_last in (False, True)]
        for product, exact in truth.items():
            record = f"{name}/{product}"
            errors = [((found[product].double() - exact).norm() / exact.norm()).item() for found in layouts]
            content[record] = formula.kept(record, exact.numpy())
            content[f"float32 error/{record}"] = np.array(errors)
            print(f"{record}: float32 error {errors[0]:.1e}, channels-last {errors[1]:.1e}")
    path = pathlib.Path(__file__).parent / "layers.safetensors"
    save_file(content, path, metadata={"torch": torch.__version__, "numpy": np.__version__})
    print(f"{path.name}: {len(content)} records, {path.stat().st_size} bytes")


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
