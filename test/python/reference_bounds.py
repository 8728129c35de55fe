# ===- reference_bounds.py - Bounds evaluated a second time, in numpy -------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""An independent evaluation, in round-to-nearest float64, of the rules of
docs/Bounds.md: what a certified bound should come to, up to rounding.

Nothing here is read from the tools: the feed-forward files are walked node by
node with explicit matrices, the transformers are evaluated from their PyTorch
parameters. Function names carry the labels of the rules. Run alone, it prints
every value and compares the ones that were published or computed before.

Throughout, token norms are l2: "token" means the largest l2 norm over tokens.
"""

import dataclasses
import math
import sys

import numpy as np
import onnx
from onnx import numpy_helper

import harness

# Suprema of abs(f'), section 2.1.
SLOPE = {"relu": 1.0, "relu6": 1.0, "sigmoid": 0.25, "hardswish": 1.5,
         "gelu": 1.1289041451851547863, "gelu_tanh": 1.1289930686587717655,
         "silu": 1.09983932012886693}


def spectral(matrix):
    """l2 -> l2 norm, from the Gram matrix of the smaller side."""
    matrix = np.asarray(matrix, np.float64)
    scale = np.max(np.abs(matrix), initial=0.0)
    if scale == 0:
        return 0.0
    matrix = matrix / scale
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] \
        else matrix.T @ matrix
    return scale * math.sqrt(np.linalg.eigvalsh(gram)[-1])


def norm(vector):
    return float(np.linalg.norm(np.asarray(vector, np.float64)))


# ---- B-conv as an explicit matrix -------------------------------------------


def convolution_matrix(kernel, input_shape, strides, pads, dilations, groups):
    """Matrix of a 2-D convolution on flattened [C,h,w], and its output shape.

    kernel [out, in/groups, kh, kw]; pads (top, left, bottom, right).
    """
    channels, height, width = input_shape
    outputs, per_group, kh, kw = kernel.shape
    out_h = (height + pads[0] + pads[2] - dilations[0] * (kh - 1) - 1) \
        // strides[0] + 1
    out_w = (width + pads[1] + pads[3] - dilations[1] * (kw - 1) - 1) \
        // strides[1] + 1
    matrix = np.zeros((outputs, out_h, out_w, channels, height, width))
    out_per_group = outputs // groups
    for i in range(kh):
        for j in range(kw):
            for y in range(out_h):
                row = y * strides[0] - pads[0] + i * dilations[0]
                if not 0 <= row < height:
                    continue
                for x in range(out_w):
                    column = x * strides[1] - pads[1] + j * dilations[1]
                    if not 0 <= column < width:
                        continue
                    for g in range(groups):
                        o = slice(g * out_per_group, (g + 1) * out_per_group)
                        c = slice(g * per_group, (g + 1) * per_group)
                        matrix[o, y, x, c, row, column] += kernel[o, :, i, j]
    return (matrix.reshape(outputs * out_h * out_w, -1),
            (outputs, out_h, out_w))


def pool_multiplicity(kernel, stride, dilation=1):
    """m: the largest number of windows that share one cell (section 2.7)."""
    return math.ceil(kernel * math.gcd(dilation, stride) / stride)


# ---- feed-forward files -----------------------------------------------------


@dataclasses.dataclass
class Branch:
    """A value: Lipschitz constant of its source, matrix since, shape.

    The matrix is multiplied out as long as no activation comes between;
    None stands for the identity.
    """
    lip: float
    matrix: object
    shape: tuple

    def bound(self):
        return self.lip * (1.0 if self.matrix is None
                           else spectral(self.matrix))

    def then(self, matrix, shape):
        return Branch(self.lip, matrix if self.matrix is None
                      else matrix @ self.matrix, shape)


def attributes_of(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def feed_forward_bound(path):
    """Global l2 -> l2 bound of a file of linear maps, convolutions, ReLU,
    sigmoid, max pooling and residual sums: the product of operator norms,
    branches summed."""
    model = onnx.load(path)
    constants = {i.name: numpy_helper.to_array(i).astype(np.float64)
                 for i in model.graph.initializer}
    name, shape, _ = harness.graph_inputs(model)[0]
    size = [s or 1 for s in shape]
    values = {name: Branch(1.0, None, tuple(size[1:] or size))}
    for node in model.graph.node:
        attributes = attributes_of(node)
        output = node.output[0]
        if node.op_type == "Constant":
            constants[output] = numpy_helper.to_array(
                attributes["value"]).astype(np.float64)
            continue
        x = next(values[i] for i in node.input if i in values)
        others = [constants[i] for i in node.input if i in constants]
        if node.op_type in ("Sub", "Add") and others:
            y = x
        elif node.op_type == "Add":  # B-add
            a, b = (values[i] for i in node.input)
            y = Branch(a.bound() + b.bound(), None, a.shape)
        elif node.op_type == "Div":
            y = x.then(np.eye(math.prod(x.shape)) / others[0].item(), x.shape)
        elif node.op_type == "Flatten":
            y = Branch(x.lip, x.matrix, (math.prod(x.shape),))
        elif node.op_type == "MatMul":  # B-lin, row or column vectors
            weight = others[0] if node.input[0] in constants else others[0].T
            y = x.then(weight, weight.shape[:1])
        elif node.op_type == "Gemm":
            weight = others[0] if attributes.get("transB") else others[0].T
            y = x.then(attributes.get("alpha", 1.0) * weight,
                       weight.shape[:1])
        elif node.op_type == "Conv":
            matrix, out = convolution_matrix(
                others[0], x.shape, attributes["strides"],
                attributes["pads"], attributes["dilations"],
                attributes["group"])
            y = x.then(matrix, out)
        elif node.op_type in ("Relu", "Sigmoid"):  # B-act
            y = Branch(x.bound() * SLOPE[node.op_type.lower()], None, x.shape)
        elif node.op_type == "MaxPool":  # B-maxpool
            factor, out = 1.0, [x.shape[0]]
            for axis, (k, s) in enumerate(zip(attributes["kernel_shape"],
                                              attributes["strides"])):
                factor *= pool_multiplicity(k, s)
                out.append((x.shape[axis + 1] - k) // s + 1)
            assert not any(attributes.get("pads", [0]))
            y = Branch(x.bound() * math.sqrt(factor), None, tuple(out))
        else:
            raise NotImplementedError(node.op_type)
        values[output] = y
    return values[model.graph.output[0].name].bound()


# ---- attention --------------------------------------------------------------


@dataclasses.dataclass
class Attention:
    """Weights of one attention block, all float64.

    query [H*d, D], key and value [H_kv*d, D], out [E, H*d] with biases;
    sigma: absolute logit scale; factor: c; rho: norm of the rotary blocks,
    None without rotary embeddings.
    """
    query: np.ndarray
    key: np.ndarray
    value: np.ndarray
    out: np.ndarray
    heads: int
    kv_heads: int
    sigma: float
    query_bias: np.ndarray = None
    key_bias: np.ndarray = None
    value_bias: np.ndarray = None
    out_bias: np.ndarray = None
    factor: float = 1.0
    rho: float = None

    def __post_init__(self):
        for weight, bias in (("query", "query_bias"), ("key", "key_bias"),
                             ("value", "value_bias"), ("out", "out_bias")):
            if getattr(self, bias) is None:
                setattr(self, bias, np.zeros(getattr(self, weight).shape[0]))

    def after_affine(self, scale, shift):
        """The same block read from z with x = scale*z + shift: a gain, a
        batch norm before it is multiplied into the projections."""
        return dataclasses.replace(
            self,
            query=self.query * scale, key=self.key * scale,
            value=self.value * scale,
            query_bias=self.query @ shift + self.query_bias,
            key_bias=self.key @ shift + self.key_bias,
            value_bias=self.value @ shift + self.value_bias)

    def per_head(self, matrix, heads):
        return np.split(matrix, heads, axis=0)

    def repeated(self, parts):
        """Key/value slices as the query heads see them."""
        repeat = self.heads // self.kv_heads
        return [part for part in parts for _ in range(repeat)]

    def output_value(self):
        """[M_h] = W_o^h W_v^h for each query head."""
        outs = np.split(self.out, self.heads, axis=1)
        values = self.repeated(self.per_head(self.value, self.kv_heads))
        return [o @ v for o, v in zip(outs, values)]

    def omega(self):
        return spectral(np.hstack(self.output_value()))

    def omega_value(self):
        """sup of |sum M_h z_h| over |z_h| <= 1: two upper bounds."""
        parts = self.output_value()
        return min(math.sqrt(self.heads) * self.omega(),
                   sum(spectral(m) for m in parts))

    def value_out_bias(self):
        repeated = np.concatenate(self.repeated(
            self.per_head(self.value_bias, self.kv_heads)))
        return self.factor * (self.out @ repeated) + self.out_bias

    def kappas(self, r, spread):
        """(kappa_K, kappa_Q) of Theorem A, or A-R with rotary blocks."""
        key_norms = [spectral(w) for w
                     in self.per_head(self.key, self.kv_heads)]
        query_norm = spectral(self.query)
        rho2 = 1.0 if self.rho is None else self.rho ** 2
        kappa_k = self.sigma * rho2 * spread * max(key_norms) \
            * (query_norm * r + norm(self.query_bias))
        if self.rho is None:
            kappa_q = self.sigma * spread ** 2 * query_norm * max(key_norms)
        else:
            biases = self.per_head(self.key_bias, self.kv_heads)
            kappa_q = self.sigma * rho2 * spread * query_norm * max(
                k * r + norm(b) for k, b in zip(key_norms, biases))
        return kappa_k, kappa_q


def attention_growth(attention, r):
    """Theorem A, growth: largest token norm of the output."""
    return abs(attention.factor) * attention.omega_value() * r \
        + norm(attention.value_out_bias())


def theorem_a(attention, r, spread):
    """Theorem A, or A-R if there are rotary blocks: token -> token."""
    kappa_k, kappa_q = attention.kappas(r, spread)
    heads = attention.heads
    value_key = math.sqrt(heads + kappa_k ** 2) if attention.rho is None \
        else math.sqrt(heads) + kappa_k
    return abs(attention.factor) * attention.omega() * (value_key + kappa_q)


def theorem_b(attention, r, spread, tokens, most_queries=None):
    """Theorem B: Frobenius -> Frobenius over `tokens` tokens; `most_queries`
    is the largest number of queries that see one key (default all)."""
    kappa_k, kappa_q = attention.kappas(r, spread)
    columns = attention.heads * (most_queries or tokens)
    if attention.rho is None:
        value_key = math.sqrt(columns + tokens * kappa_k ** 2)
    else:
        value_key = math.sqrt(columns) + math.sqrt(tokens) * kappa_k
    return abs(attention.factor) * attention.omega() * (value_key + kappa_q)


def rotary_norm(cos, sin):
    """rho: largest norm of [[c,-s],[s,c]] = sqrt(c^2+s^2) of the table."""
    return float(np.sqrt(np.max(cos.astype(np.float64) ** 2
                                + sin.astype(np.float64) ** 2)))


# ---- MLPs -------------------------------------------------------------------


@dataclasses.dataclass
class Mlp:
    """outer . act . inner with biases; act satisfies abs(act(h)) <= abs(h)."""
    inner: np.ndarray
    inner_bias: np.ndarray
    outer: np.ndarray
    outer_bias: np.ndarray
    slope: float

    def after_affine(self, scale, shift):
        return dataclasses.replace(
            self, inner=self.inner * scale,
            inner_bias=self.inner @ shift + self.inner_bias)

    def lipschitz(self):
        """B-lin, B-act, B-lin"""
        return spectral(self.outer) * self.slope * spectral(self.inner)

    def growth(self, r):
        return spectral(self.outer) * (
            spectral(self.inner) * r + norm(self.inner_bias)) \
            + norm(self.outer_bias)


def b_glu(up, gate, down, r, slope=SLOPE["silu"]):
    """B-glu without biases on |x| <= r, then the linear map `down`."""
    entry_up = r * np.max(np.linalg.norm(up, axis=1))
    entry_gate = r * np.max(np.linalg.norm(gate, axis=1))
    return spectral(down) * (entry_gate * spectral(up)
                             + slope * entry_up * spectral(gate))


# ---- our PyTorch networks ---------------------------------------------------


def array(tensor):
    return tensor.detach().numpy().astype(np.float64)


def stored(number):
    """A constant as the file stores it."""
    return float(np.float32(number))


def gain_and_bias(layer_norm):
    bias = getattr(layer_norm, "bias", None)
    gain = array(layer_norm.weight)
    return gain, np.zeros_like(gain) if bias is None else array(bias)


def inverse_root(eps):
    """1/sqrt(eps) of B-ln, B-rms: their constant for gain 1."""
    return 1.0 / math.sqrt(stored(eps))


def biased_attention(block):
    """BiasedAttention, logits q.k/sqrt(d)."""
    width = block.query.weight.shape[0] // block.heads
    return Attention(
        query=array(block.query.weight), query_bias=array(block.query.bias),
        key=array(block.key.weight), key_bias=array(block.key.bias),
        value=array(block.value.weight), value_bias=array(block.value.bias),
        out=array(block.out.weight), out_bias=array(block.out.bias),
        heads=block.heads, kv_heads=block.heads, sigma=width ** -0.5)


def fused_attention(block):
    """FusedQkvAttention: rows of the one matrix are q, then k, then v."""
    q, k, v = np.split(array(block.qkv.weight), 3)
    bq, bk, bv = np.split(array(block.qkv.bias), 3)
    return Attention(query=q, key=k, value=v, out=array(block.out.weight),
                     query_bias=bq, key_bias=bk, value_bias=bv,
                     out_bias=array(block.out.bias), heads=block.heads,
                     kv_heads=block.heads,
                     sigma=(q.shape[0] // block.heads) ** -0.5)


def gelu_mlp(block, slope):
    return Mlp(array(block.inner.weight), array(block.inner.bias),
               array(block.outer.weight), array(block.outer.bias), slope)


def layernorm_free_bound(model, r):
    """PaperTransformer on token norms <= r: Theorem A-R, residual mixes."""
    lip, width = 1.0, model.unembedding.weight.shape[1]
    keep, take = stored(1 - model.mix), stored(model.mix)
    for block, mlp in zip(model.attentions, model.mlps):
        attention = Attention(
            query=array(block.query.weight), key=array(block.key.weight),
            value=array(block.value.weight), out=array(block.out.weight),
            heads=block.heads, kv_heads=block.heads,
            sigma=block.heads / width, factor=stored(1 / 3),
            rho=rotary_norm(block.cos.numpy(), block.sin.numpy()))
        # No biases: the variance radius is the radius itself.
        lip *= keep + take * theorem_a(attention, r, r)
        r = keep * r + take * attention_growth(attention, r)
        divisor = stored(1.1289)
        plain = Mlp(array(mlp.inner.weight), np.zeros(1),
                    array(mlp.outer.weight) / divisor, np.zeros(1),
                    SLOPE["gelu"])
        lip *= keep + take * plain.lipschitz()
        r = keep * r + take * plain.growth(r)
    head = array(model.unembedding.weight)
    return lip * spectral(head) * math.sqrt(width / head.shape[0])


def embedding_radius(model):
    """B-embed: the largest row of the table."""
    return float(np.max(np.linalg.norm(array(model.embedding.weight),
                                       axis=1)))


def pre_norm_body(model, attention_of, slope, attention_rule):
    """Product over blocks of x + f(norm(x)); gains multiplied into what
    follows, so every f sees |z| <= sqrt(D)."""
    lip = 1.0
    for norm1, block, norm2, mlp in zip(model.norms1, model.attentions,
                                        model.norms2, model.mlps):
        gain, bias = gain_and_bias(norm1)
        radius = math.sqrt(gain.size)
        attention = attention_of(block).after_affine(gain, bias)
        lip *= 1 + inverse_root(norm1.eps) \
            * attention_rule(attention, radius, radius)
        gain, bias = gain_and_bias(norm2)
        lip *= 1 + inverse_root(norm2.eps) \
            * gelu_mlp(mlp, slope).after_affine(gain, bias).lipschitz()
    gain, _ = gain_and_bias(model.norm)
    return lip * inverse_root(model.norm.eps) \
        * spectral(array(model.head.weight) * gain)


def pre_norm_bound(model):
    """max-token RMS -> max-token RMS, global."""
    outputs, width = model.head.weight.shape
    return math.sqrt(width / outputs) * pre_norm_body(
        model, biased_attention, SLOPE["gelu"], theorem_a)


def post_norm_bound(model):
    """norm(x + f(x)): the norm's gain reaches the residual branch as
    max abs(g), and f with the gain multiplied into its projections."""
    gain, bias = gain_and_bias(model.embedding_norm)
    # lip of z, the normalised vector before gain and bias
    lip = inverse_root(model.embedding_norm.eps)
    radius = math.sqrt(gain.size)
    for norm1, block, norm2, mlp in zip(model.norms1, model.attentions,
                                        model.norms2, model.mlps):
        attention = biased_attention(block).after_affine(gain, bias)
        lip *= np.max(np.abs(gain)) + theorem_a(attention, radius, radius)
        lip *= inverse_root(norm1.eps)
        gain, bias = gain_and_bias(norm1)
        inner = gelu_mlp(mlp, SLOPE["gelu_tanh"]).after_affine(gain, bias)
        lip *= np.max(np.abs(gain)) + inner.lipschitz()
        lip *= inverse_root(norm2.eps)
        gain, bias = gain_and_bias(norm2)
    return lip * np.max(np.abs(gain))


def vision_transformer_bounds(model):
    """(by Theorem B in l2 of all tokens, by Theorem A in token norm).

    Both are l2 -> l2 bounds of the image classifier: patches do not overlap,
    and only the class token is read.
    """
    kernel = array(model.projection.weight)
    patch = spectral(kernel.reshape(kernel.shape[0], -1))
    tokens = model.positions.shape[1]

    def rule_b(attention, r, spread):
        return theorem_b(attention, r, spread, tokens)

    return tuple(patch * pre_norm_body(model, fused_attention, SLOPE["gelu"],
                                       rule)
                 for rule in (rule_b, theorem_a))


def swiglu_bound(model):
    """RMSNorm, rotary grouped attention (A-R), SwiGLU (B-glu)."""
    lip = 1.0
    for norm1, block, norm2, mlp in zip(model.norms1, model.attentions,
                                        model.norms2, model.mlps):
        gain, zero = gain_and_bias(norm1)
        radius = math.sqrt(gain.size)
        head_width = block.query.weight.shape[0] // block.heads
        half = head_width // 2
        attention = Attention(
            query=array(block.query.weight), key=array(block.key.weight),
            value=array(block.value.weight), out=array(block.out.weight),
            heads=block.heads, kv_heads=block.kv_heads,
            sigma=head_width ** -0.5,
            rho=rotary_norm(block.cos.numpy()[:, :half],
                            block.sin.numpy()[:, :half])
        ).after_affine(gain, zero)
        lip *= 1 + inverse_root(norm1.eps) \
            * theorem_a(attention, radius, radius)
        gain, _ = gain_and_bias(norm2)
        lip *= 1 + inverse_root(norm2.eps) * b_glu(
            array(mlp.up.weight) * gain, array(mlp.gate.weight) * gain,
            array(mlp.down.weight), radius)
    gain, _ = gain_and_bias(model.norm)
    head = array(model.head.weight)
    return lip * inverse_root(model.norm.eps) * spectral(head * gain) \
        * math.sqrt(head.shape[1] / head.shape[0])


def batch_norm_scale(layer):
    """gamma / sqrt(var + eps), per channel."""
    return array(layer.weight) / np.sqrt(array(layer.running_var)
                                         + stored(layer.eps))


def convolutional_bound(model, image=16):
    """ConvolutionalNetwork, l2 -> l2: batch norms multiplied into the maps
    before them, the mean and the last norm into the head."""

    def conv_norm(layer, norm_layer, shape):
        kernel = array(layer.weight) \
            * batch_norm_scale(norm_layer)[:, None, None, None]
        pads = list(layer.padding) * 2
        matrix, out = convolution_matrix(kernel, shape, layer.stride, pads,
                                         layer.dilation, layer.groups)
        return spectral(matrix), out

    def block(layer, shape):
        depthwise, _ = conv_norm(layer.depthwise, layer.norm1, shape)
        pointwise, _ = conv_norm(layer.pointwise, layer.norm2, shape)
        return 1 + pointwise * SLOPE["relu6"] * depthwise

    lip, shape = conv_norm(model.stem, model.stem_norm, (3, image, image))
    lip *= SLOPE["hardswish"] * block(model.block1, shape)
    # AvgPool2d(2): column sums 1/2 per axis, so the norm is 1/2 (B-avgpool).
    lip *= 0.5
    shape = (shape[0], shape[1] // 2, shape[2] // 2)
    lip *= block(model.block2, shape)
    head = array(model.head.weight) * batch_norm_scale(model.head_norm)
    return lip * spectral(head) / math.sqrt(shape[1] * shape[2])


def network_bound(network):
    """The reference bound of one of networks.all_networks(), in its norms."""
    model, name = network.module, network.name
    if name == "layernorm_free":  # --input-ball=1 in max-rms: r = sqrt(D)
        return layernorm_free_bound(
            model, math.sqrt(model.unembedding.weight.shape[1]))
    if name == "layernorm_free_tokens":
        return layernorm_free_bound(model, embedding_radius(model))
    if name == "pre_norm_encoder":
        return pre_norm_bound(model)
    if name == "post_norm_encoder":
        return post_norm_bound(model)
    if name == "vision_transformer":
        return vision_transformer_bounds(model)[0]
    if name.startswith("swiglu"):
        return swiglu_bound(model)
    if name == "convolutional":
        return convolutional_bound(model)
    raise KeyError(name)


# ---- vit_ibp_3_3_8: intervals and Theorem B ---------------------------------


@dataclasses.dataclass
class Tokens:
    """What is known of every token of a sequence: entry intervals per
    channel, the largest l2 norm, and the radius around one fixed centre."""
    low: np.ndarray
    high: np.ndarray
    radius: float = math.inf
    spread: float = math.inf

    def __post_init__(self):
        entry = np.maximum(np.abs(self.low), np.abs(self.high))
        self.radius = min(self.radius, norm(entry))
        self.spread = min(self.spread, self.radius,
                          norm((self.high - self.low) / 2))

    def affine(self, weight, bias):
        """B-lin: interval, norm and spread of W x + b; entries also from
        the rows' norms."""
        middle, half = (self.high + self.low) / 2, (self.high - self.low) / 2
        centre = weight @ middle + bias
        reach = np.abs(weight) @ half
        rows = np.linalg.norm(weight, axis=1) * self.radius
        return Tokens(np.maximum(centre - reach, bias - rows),
                      np.minimum(centre + reach, bias + rows),
                      spectral(weight) * self.radius + norm(bias),
                      spectral(weight) * self.spread)

    def add(self, other):
        """B-add"""
        return Tokens(self.low + other.low, self.high + other.high,
                      self.radius + other.radius, self.spread + other.spread)

    def relu(self):
        return Tokens(np.maximum(self.low, 0), np.maximum(self.high, 0),
                      self.radius, self.spread)


def attend(tokens, attention):
    """Facts of the attention block's output: entries of the averaged values
    keep the values' range; norms by Theorem A's growth."""
    values = tokens.affine(attention.value, attention.value_bias)
    averaged = Tokens(values.low, values.high)
    result = averaged.affine(attention.out, attention.out_bias)
    return Tokens(result.low, result.high,
                  min(result.radius,
                      attention_growth(attention, tokens.radius)),
                  min(result.spread,
                      attention.omega_value() * tokens.spread))


def vit_ibp_bounds(path):
    """(Theorem B, Theorem A) l2 -> l2 bounds on the box [0,1]."""
    weights = {i.name: numpy_helper.to_array(i).astype(np.float64)
               for i in onnx.load(path).graph.initializer}
    matrices = iter(sorted((name for name in weights
                            if name.startswith("onnx::MatMul_")),
                           key=lambda name: int(name.rsplit("_", 1)[1])))

    def next_matrix():
        return weights[next(matrices)].T  # stored [in, out]

    def batch_norm(prefix):
        """x -> scale x + shift"""
        scale = weights[f"{prefix}.weight"] / np.sqrt(
            weights[f"{prefix}.running_var"] + stored(1e-5))
        return scale, weights[f"{prefix}.bias"] \
            - scale * weights[f"{prefix}.running_mean"]

    kernel = weights["0.projection.weight"].reshape(48, -1)
    patch_norm = spectral(kernel)
    half = np.full(kernel.shape[1], 0.5)
    centre = kernel @ half + weights["0.projection.bias"]
    reach = np.abs(kernel) @ half
    # Class token and positions, per channel: hulls over the tokens.
    first, positions = weights["0.cls_token"], weights["0.positions"]
    x = Tokens(np.minimum(centre - reach, first) + positions.min(axis=0),
               np.maximum(centre + reach, first) + positions.max(axis=0))
    lip_all, lip_token, count = patch_norm, patch_norm, positions.shape[0]
    for layer in range(3):
        prefix = f"1.{layer}.0.fn"
        scale, shift = batch_norm(f"{prefix}.0.norm")
        query, key, value, out = (next_matrix() for _ in range(4))
        attention = Attention(
            query=query, key=key, value=value, out=out, heads=3, kv_heads=3,
            sigma=0.25, query_bias=weights[f"{prefix}.1.query.bias"],
            key_bias=weights[f"{prefix}.1.key.bias"],
            value_bias=weights[f"{prefix}.1.value.bias"],
            out_bias=weights[f"{prefix}.1.out.bias"]
        ).after_affine(scale, shift)
        lip_all *= 1 + theorem_b(attention, x.radius, x.spread, count)
        lip_token *= 1 + theorem_a(attention, x.radius, x.spread)
        x = x.add(attend(x, attention))
        prefix = f"1.{layer}.1.fn"
        scale, shift = batch_norm(f"{prefix}.0.norm")
        mlp = Mlp(next_matrix(), weights[f"{prefix}.1.0.bias"],
                  next_matrix(), weights[f"{prefix}.1.3.bias"],
                  SLOPE["relu"]).after_affine(scale, shift)
        lip_all *= 1 + mlp.lipschitz()
        lip_token *= 1 + mlp.lipschitz()
        hidden = x.affine(mlp.inner, mlp.inner_bias).relu()
        x = x.add(hidden.affine(mlp.outer, mlp.outer_bias))
    scale, _ = batch_norm("2.1")
    head = spectral(weights["2.2.weight"] * scale)
    # The mean over tokens: 1/sqrt(n) from l2 of all tokens, 1 from token norm.
    return lip_all * head / math.sqrt(count), lip_token * head


# ---- falsification ----------------------------------------------------------

def attained_ratio(network):
    """A ratio that the network attains in its norms, by a short search in
    float64. The box [-1,1] lies in the unit ball of max-token RMS."""
    import copy
    import torch
    import attack

    class Function:
        shape = [1, *network.sample.shape[1:]]
        module = copy.deepcopy(network.module).double()

        def __call__(self, x):
            return self.module(x)

    tokens = network.norms == ("max-rms", "max-rms")
    box = (-1.0, 1.0) if network.options else None
    with torch.no_grad():
        width = network.module(network.sample).shape[-1]
    search = attack.Attack(Function(), box,
                           Function.shape[-1] if tokens else None,
                           width if tokens else None)
    search.pairs = lambda: [network.norms]
    return search.search(samples=12, rounds=4, keep=2,
                         spread=3)[network.norms]


# ---- values computed elsewhere ----------------------------------------------

# Found in float64 by a separate numpy session before this script existed.
PUBLISHED = {"acasxu_1_1": 2.878694116e7, "mnist_256x2": 839.2578716,
             "eran_sigmoid_6x200": 4.155463836e7,
             "Convnet_maxpool": 596.8503986, "oval21_base": 20.47759413,
             "resnet_2b": 1512.551796, "test_nano": 0.5, "test_small": 24.0}


def main():
    parser = harness.argument_parser(__doc__)
    parser.add_argument("--attack", action="store_true",
                        help="also try to exceed our networks' bounds "
                             "(minutes)")
    options = parser.parse_args()
    tally = harness.Tally()
    models = harness.default_models()
    if models is None:
        print("third-party models not found (LIPT_MODELS): skipped")
    else:
        for name, published in PUBLISHED.items():
            value = feed_forward_bound(models / f"{name}.onnx")
            print(f"{name:28} {value:.10g}  published {published:.10g}",
                  flush=True)
            tally.check(name, abs(value / published - 1) <= 1e-9,
                        f"{value:.12g} is not {published:.12g}")
        by_b, by_a = vit_ibp_bounds(models / "vit_ibp_3_3_8.onnx")
        print(f"{'vit_ibp_3_3_8':28} {by_b:.10g}  token route {by_a:.10g}")
        tally.check("vit_ibp_3_3_8", math.isfinite(by_b))
    import networks
    for network in networks.all_networks():
        value = network_bound(network)
        note = ""
        if network.name == "vision_transformer":
            note = "  token route %.10g" \
                % vision_transformer_bounds(network.module)[1]
        attained, found = 0.0, ""
        if options.attack and network.sample.is_floating_point():
            attained = attained_ratio(network)
            found = f"  attained {attained:.4g}"
        print(f"{network.name:28} {value:.10g}{found}{note}",
              flush=True)
        tally.check(network.name, attained <= value < math.inf,
                    f"attained {attained:.6g}, bound {value:.6g}")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
