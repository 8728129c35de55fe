# ===- bound_rules.py - The rules of docs/Bounds.md in numpy ---------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===-----------------------------------------------------------------------===#
"""The rules that reference_bounds.py applies, one function or method a rule, in
round-to-nearest float64; names carry the labels of docs/Bounds.md.

Token norms are l2: "token" means the largest l2 norm over tokens.
"""

import dataclasses
import math

import numpy as np

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


# ---- intervals along a sequence ---------------------------------------------


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
