# ===- torch_interpreter.py - ONNX graphs as differentiable functions -------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Evaluates the graphs of random_networks.py in PyTorch, in float64 and
differentiably, so that attacks can use exact Jacobians. It knows the forms
that the generator writes (opset 18 and newer), not all of ONNX; every network
is compared with ONNX Runtime before it is attacked.
"""

import math

import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


def ints(tensor):
    """A constant integer tensor as a list."""
    return [int(i) for i in tensor.reshape(-1)]


def broadcast(values, combine):
    result = values[0]
    for value in values[1:]:
        result = combine(result, value)
    return result


def symmetric_pads(pads):
    """[begin…, end…] -> the list F.pad wants, last axis first."""
    half = len(pads) // 2
    return [p for axis in reversed(range(half))
            for p in (pads[axis], pads[axis + half])]


def conv(x, attributes):
    data, weight = x[0], x[1]
    bias = x[2] if len(x) > 2 else None
    rank = weight.dim() - 2
    data = F.pad(data, symmetric_pads(attributes.get("pads", [0] * 2 * rank)))
    function = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    return function(data, weight, bias,
                    stride=attributes.get("strides", [1] * rank),
                    dilation=attributes.get("dilations", [1] * rank),
                    groups=attributes.get("group", 1))


def conv_transpose(x, attributes):
    data, weight = x[0], x[1]
    rank = weight.dim() - 2
    function = (F.conv_transpose1d, F.conv_transpose2d,
                F.conv_transpose3d)[rank - 1]
    pads = attributes.get("pads", [0] * 2 * rank)
    assert pads[:rank] == pads[rank:]
    return function(data, weight, x[2] if len(x) > 2 else None,
                    stride=attributes.get("strides", [1] * rank),
                    padding=pads[:rank],
                    output_padding=attributes.get("output_padding",
                                                  [0] * rank),
                    dilation=attributes.get("dilations", [1] * rank),
                    groups=attributes.get("group", 1))


def windows(data, attributes, fill):
    """[N,C,…out…,window] of a 2-D pooling; padding cells hold `fill`."""
    kernel = attributes["kernel_shape"]
    strides = attributes.get("strides", [1, 1])
    dilations = attributes.get("dilations", [1, 1])
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    data = F.pad(data, symmetric_pads(pads), value=fill)
    out = [(data.size(i + 2) - dilations[i] * (kernel[i] - 1) - 1)
           // strides[i] + 1 for i in range(2)]
    rows = [[y * strides[0] + i * dilations[0] for i in range(kernel[0])]
            for y in range(out[0])]
    columns = [[x * strides[1] + j * dilations[1] for j in range(kernel[1])]
               for x in range(out[1])]
    picked = data[:, :, torch.tensor(rows)]  # [N,C,oh,kh,W]
    picked = picked[..., torch.tensor(columns)]  # [N,C,oh,kh,ow,kw]
    return picked.permute(0, 1, 2, 4, 3, 5).flatten(4)


def max_pool(x, attributes):
    return windows(x[0], attributes, -math.inf).amax(-1)


def average_pool(x, attributes):
    total = windows(x[0], attributes, 0.0).sum(-1)
    if attributes.get("count_include_pad", 0):
        return total / math.prod(attributes["kernel_shape"])
    cells = windows(torch.ones_like(x[0]), attributes, 0.0).sum(-1)
    return total / cells


def lp_pool(x, attributes):
    p = attributes.get("p", 2)
    return (windows(x[0], attributes, 0.0).abs() ** p).sum(-1) ** (1 / p)


def spatial(tensor):
    return tuple(range(2, tensor.dim()))


def batch_norm(x, attributes):
    data, scale, bias, mean, var = x
    shape = [1, -1] + [1] * (data.dim() - 2)
    inverse = scale / torch.sqrt(var + attributes["epsilon"])
    return (data - mean.reshape(shape)) * inverse.reshape(shape) \
        + bias.reshape(shape)


def normalize(data, axes, epsilon, centred=True):
    if centred:
        data = data - data.mean(axes, keepdim=True)
    return data / torch.sqrt((data * data).mean(axes, keepdim=True) + epsilon)


def layer_norm(x, attributes):
    axes = tuple(range(attributes.get("axis", -1) % x[0].dim(), x[0].dim()))
    y = normalize(x[0], axes, attributes["epsilon"]) * x[1]
    return y + x[2] if len(x) > 2 else y


def rms_norm(x, attributes):
    axes = tuple(range(attributes.get("axis", -1) % x[0].dim(), x[0].dim()))
    return normalize(x[0], axes, attributes["epsilon"], False) * x[1]


def instance_norm(x, attributes):
    shape = [1, -1] + [1] * (x[0].dim() - 2)
    return normalize(x[0], spatial(x[0]), attributes["epsilon"]) \
        * x[1].reshape(shape) + x[2].reshape(shape)


def group_norm(x, attributes):
    groups = attributes["num_groups"]
    shape = [1, -1] + [1] * (x[0].dim() - 2)
    data = x[0].reshape(x[0].size(0), groups, -1)
    data = normalize(data, (2,), attributes["epsilon"]).reshape(x[0].shape)
    return data * x[1].reshape(shape) + x[2].reshape(shape)


def reduce(function):
    def apply(x, attributes):
        axes = tuple(ints(x[1])) if len(x) > 1 else \
            tuple(range(x[0].dim()))
        return function(x[0], axes, bool(attributes.get("keepdims", 1)))
    return apply


def attention(x, attributes):
    """ONNX Attention with 3-D inputs [B,T,H*d] or 4-D [B,H,T,d]."""
    q, k, v = x[:3]
    mask = x[3] if len(x) > 3 else None
    flat = q.dim() == 3
    if flat:
        def heads(tensor, count):
            batch, tokens, width = tensor.shape
            return tensor.reshape(batch, tokens, count,
                                  width // count).transpose(1, 2)
        q = heads(q, attributes["q_num_heads"])
        k = heads(k, attributes["kv_num_heads"])
        v = heads(v, attributes["kv_num_heads"])
    repeat = q.size(1) // k.size(1)
    if repeat > 1:
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
    scale = attributes.get("scale", 1 / math.sqrt(q.size(-1)))
    logits = q @ k.transpose(-1, -2) * scale
    cap = attributes.get("softcap", 0.0)
    if cap > 0:
        logits = cap * torch.tanh(logits / cap)
    if mask is not None:
        logits = logits + mask
    if attributes.get("is_causal", 0):
        seen = torch.ones(logits.shape[-2:], dtype=torch.bool).tril()
        logits = torch.where(seen, logits, -math.inf)
    y = torch.softmax(logits, -1) @ v
    if flat:
        y = y.transpose(1, 2).flatten(2)
    return y


def rotary(x, attributes):
    """RotaryEmbedding with tables [B,T,d/2] on [B,H,T,d]."""
    data, cos, sin = x
    width = attributes.get("rotary_embedding_dim", 0) or data.size(-1)
    part, rest = data[..., :width], data[..., width:]
    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    if attributes.get("interleaved", 0):
        low, high = part[..., 0::2], part[..., 1::2]
        turned = torch.stack([low * cos - high * sin,
                              low * sin + high * cos], -1).flatten(-2)
    else:
        low, high = part.chunk(2, -1)
        turned = torch.cat([low * cos - high * sin,
                            low * sin + high * cos], -1)
    return torch.cat([turned, rest], -1)


def slice_axes(x, attributes):
    data, starts, ends, axes = x[0], ints(x[1]), ints(x[2]), ints(x[3])
    steps = ints(x[4]) if len(x) > 4 else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps):
        positions = range(data.size(axis))[start:end:step]
        data = data.index_select(axis, torch.tensor(list(positions)))
    return data


def pad(x, attributes):
    mode = attributes.get("mode", b"constant").decode()
    pads = ints(x[1])
    data, rank = x[0], x[0].dim()
    if mode == "constant":
        value = float(x[2]) if len(x) > 2 else 0.0
        return F.pad(data, symmetric_pads(pads), value=value)
    for axis in range(rank):
        size = data.size(axis)
        places = []
        for i in range(-pads[axis], size + pads[axis + rank]):
            if mode == "edge":
                i = min(max(i, 0), size - 1)
            elif mode == "reflect":
                i = abs(i)
                i = 2 * (size - 1) - i if i >= size else i
            else:  # wrap
                i %= size
            places.append(i)
        data = data.index_select(axis, torch.tensor(places))
    return data


def split(x, attributes):
    return list(torch.split(x[0], ints(x[1]), attributes.get("axis", 0)))


def gelu(x, attributes):
    return F.gelu(x[0], approximate=attributes.get("approximate",
                                                   b"none").decode())


def elu(x, attributes):
    alpha = attributes.get("alpha", 1.0)
    return torch.where(x[0] > 0, x[0],
                       alpha * (torch.exp(x[0].clamp(max=0)) - 1))


def celu(x, attributes):
    alpha = attributes.get("alpha", 1.0)
    return x[0].clamp(min=0) \
        + alpha * (torch.exp(x[0].clamp(max=0) / alpha) - 1)


def selu(x, attributes):
    alpha = attributes.get("alpha", 1.6732631921768188)
    gamma = attributes.get("gamma", 1.0507010221481323)
    return gamma * elu(x, {"alpha": alpha})


def prelu(x, attributes):
    return torch.where(x[0] >= 0, x[0], x[0] * x[1])


def clip(x, attributes):
    return torch.minimum(torch.maximum(x[0], x[1]), x[2])


def gemm(x, attributes):
    a = x[0].T if attributes.get("transA") else x[0]
    b = x[1].T if attributes.get("transB") else x[1]
    y = attributes.get("alpha", 1.0) * (a @ b)
    return y + attributes.get("beta", 1.0) * x[2] if len(x) > 2 else y


def resize(x, attributes):
    """Integer factors, nearest with asymmetric/floor: repetition."""
    data = x[0]
    for axis, scale in enumerate(x[-1].tolist()):
        data = data.repeat_interleave(int(scale), axis)
    return data


def depth_to_space(x, attributes):
    n, c, h, w = x[0].shape
    b = attributes["blocksize"]
    y = x[0].reshape(n, b, b, c // (b * b), h, w)
    return y.permute(0, 3, 4, 1, 5, 2).reshape(n, c // (b * b), h * b, w * b)


def reshape(x, attributes):
    shape = [x[0].size(i) if s == 0 else s for i, s in enumerate(ints(x[1]))]
    return x[0].reshape(shape)


def squeeze(x, attributes):
    for axis in sorted((a % x[0].dim() for a in ints(x[1])), reverse=True):
        x = [x[0].squeeze(axis)]
    return x[0]


def unsqueeze(x, attributes):
    data = x[0]
    rank = data.dim() + x[1].numel()
    for axis in sorted(a % rank for a in ints(x[1])):
        data = data.unsqueeze(axis)
    return data


def topk(x, attributes):
    return [torch.topk(x[0], int(x[1]), attributes.get("axis", -1),
                       bool(attributes.get("largest", 1)))[0]]


def gather_elements(x, attributes):
    axis = attributes.get("axis", 0)
    return torch.gather(x[0], axis, x[1])


OPERATORS = {
    "MatMul": lambda x, a: x[0] @ x[1], "Gemm": gemm, "Conv": conv,
    "ConvTranspose": conv_transpose, "MaxPool": max_pool,
    "AveragePool": average_pool, "LpPool": lp_pool,
    "GlobalAveragePool": lambda x, a: x[0].mean(spatial(x[0]), keepdim=True),
    "GlobalMaxPool": lambda x, a: x[0].amax(spatial(x[0]), keepdim=True),
    "GlobalLpPool": lambda x, a: (x[0].abs() ** a.get("p", 2)).sum(
        spatial(x[0]), keepdim=True) ** (1 / a.get("p", 2)),
    "BatchNormalization": batch_norm, "LayerNormalization": layer_norm,
    "RMSNormalization": rms_norm, "InstanceNormalization": instance_norm,
    "GroupNormalization": group_norm, "Attention": attention,
    "RotaryEmbedding": rotary,
    "Add": lambda x, a: x[0] + x[1], "Sub": lambda x, a: x[0] - x[1],
    "Mul": lambda x, a: x[0] * x[1], "Div": lambda x, a: x[0] / x[1],
    "Min": lambda x, a: broadcast(x, torch.minimum),
    "Max": lambda x, a: broadcast(x, torch.maximum),
    "Sum": lambda x, a: broadcast(x, torch.add),
    "Mean": lambda x, a: broadcast(x, torch.add) / len(x),
    "Where": lambda x, a: torch.where(x[0], x[1], x[2]),
    "Less": lambda x, a: x[0] < x[1], "Greater": lambda x, a: x[0] > x[1],
    "Equal": lambda x, a: x[0] == x[1], "Not": lambda x, a: ~x[0],
    "And": lambda x, a: x[0] & x[1], "Or": lambda x, a: x[0] | x[1],
    "Neg": lambda x, a: -x[0], "Abs": lambda x, a: x[0].abs(),
    "Pow": lambda x, a: x[0] ** x[1], "Exp": lambda x, a: x[0].exp(),
    "Log": lambda x, a: x[0].log(), "Sqrt": lambda x, a: x[0].sqrt(),
    "Reciprocal": lambda x, a: 1 / x[0], "Sin": lambda x, a: x[0].sin(),
    "Cos": lambda x, a: x[0].cos(), "Erf": lambda x, a: x[0].erf(),
    "Relu": lambda x, a: F.relu(x[0]),
    "LeakyRelu": lambda x, a: F.leaky_relu(x[0], a.get("alpha", 0.01)),
    "PRelu": prelu, "Elu": elu, "Selu": selu, "Celu": celu, "Gelu": gelu,
    "Mish": lambda x, a: x[0] * torch.tanh(F.softplus(x[0])),
    "Swish": lambda x, a: x[0] * torch.sigmoid(a.get("alpha", 1.0) * x[0]),
    "HardSwish": lambda x, a: x[0] * (x[0] / 6 + 0.5).clamp(0, 1),
    "HardSigmoid": lambda x, a: (a.get("alpha", 0.2) * x[0]
                                 + a.get("beta", 0.5)).clamp(0, 1),
    "Sigmoid": lambda x, a: torch.sigmoid(x[0]),
    "Tanh": lambda x, a: torch.tanh(x[0]),
    "Softplus": lambda x, a: F.softplus(x[0], threshold=700),
    "Softsign": lambda x, a: x[0] / (1 + x[0].abs()),
    "ThresholdedRelu": lambda x, a: torch.where(x[0] > a["alpha"], x[0], 0.0),
    "Clip": clip,
    "Softmax": lambda x, a: torch.softmax(x[0], a.get("axis", -1)),
    "LogSoftmax": lambda x, a: torch.log_softmax(x[0], a.get("axis", -1)),
    "ReduceSum": reduce(lambda t, d, k: t.sum(d, k)),
    "ReduceMean": reduce(lambda t, d, k: t.mean(d, k)),
    "ReduceMax": reduce(lambda t, d, k: t.amax(d, k)),
    "ReduceMin": reduce(lambda t, d, k: t.amin(d, k)),
    "ReduceL1": reduce(lambda t, d, k: t.abs().sum(d, k)),
    "ReduceL2": reduce(lambda t, d, k: (t * t).sum(d, k).sqrt()),
    "ReduceSumSquare": reduce(lambda t, d, k: (t * t).sum(d, k)),
    "ReduceLogSumExp": reduce(lambda t, d, k: torch.logsumexp(t, d, k)),
    "Reshape": reshape, "Squeeze": squeeze, "Unsqueeze": unsqueeze,
    "Flatten": lambda x, a: x[0].flatten(a.get("axis", 1)),
    "Transpose": lambda x, a: x[0].permute(a["perm"]),
    "Slice": slice_axes, "Split": split, "Pad": pad,
    "Concat": lambda x, a: torch.cat(x, a["axis"]),
    "Expand": lambda x, a: x[0] + torch.zeros(ints(x[1]), dtype=x[0].dtype),
    "Tile": lambda x, a: x[0].repeat(ints(x[1])),
    "Gather": lambda x, a: x[0].index_select(a.get("axis", 0), x[1]),
    "GatherElements": gather_elements, "Resize": resize,
    "DepthToSpace": depth_to_space, "TopK": topk,
    "Trilu": lambda x, a: (torch.triu if a.get("upper", 1) else torch.tril)(
        x[0], int(x[1]) if len(x) > 1 else 0),
    "CumSum": lambda x, a: torch.cumsum(x[0], int(x[1])),
    "Identity": lambda x, a: x[0], "Dropout": lambda x, a: x[0],
}


def constant(tensor):
    data = torch.from_numpy(numpy_helper.to_array(tensor).copy())
    return data.double() if data.is_floating_point() else data


def attribute_values(node):
    values = {}
    for a in node.attribute:
        value = onnx.helper.get_attribute_value(a)
        values[a.name] = list(value) if a.type == onnx.AttributeProto.INTS \
            else value
    return values


class Function:
    """The first output of a model as a function of its first input."""

    def __init__(self, model):
        graph = model.graph
        self.constants = {i.name: constant(i) for i in graph.initializer}
        self.input, self.output = graph.input[0].name, graph.output[0].name
        self.nodes = [(OPERATORS[n.op_type], list(n.input), list(n.output),
                       attribute_values(n)) for n in graph.node]
        self.shape = [d.dim_value
                      for d in graph.input[0].type.tensor_type.shape.dim]

    def __call__(self, x):
        values = dict(self.constants)
        values[self.input] = x
        for operator, inputs, outputs, attributes in self.nodes:
            result = operator([values[i] for i in inputs if i], attributes)
            if not isinstance(result, list):
                result = [result]
            values.update(zip(outputs, result))
        return values[self.output]
