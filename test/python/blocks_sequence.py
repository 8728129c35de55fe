# ===- blocks_sequence.py - Random networks: attention and tokens ----------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===-----------------------------------------------------------------------===#
"""Blocks on [1,T,D]: attention in its spellings and as an operator, rotary
embeddings, mixing of tokens."""

import numpy as np

from blocks_any import layer_norm


def heads_of(g, x, heads):
    """[1,T,H*d] -> [1,H,T,d]"""
    tokens, width = x[1][1], x[1][2]
    y = g.op("Reshape", [x, g.integers([0, 0, heads, width // heads])],
             (1, tokens, heads, width // heads))
    return g.op("Transpose", [y], (1, heads, tokens, width // heads),
                perm=[0, 2, 1, 3])


def projection(g, x, outputs, bias=True):
    width = x[1][2]
    shape = (*x[1][:2], outputs)
    y = g.op("MatMul", [x, g.normal(width, outputs, scale=width ** -0.5)],
             shape)
    return g.op("Add", [y, g.normal(outputs, scale=0.3)], shape) if bias \
        else y


def rotary_tables(g, tokens, half):
    angle = np.arange(tokens)[:, None] * 10.0 ** (-np.arange(half) / half)
    return np.cos(angle), np.sin(angle)


def rotate(g, x):
    """Rotate-half rotary embedding spelled out on [1,H,T,d]."""
    tokens, width = x[1][2], x[1][3]
    cos, sin = rotary_tables(g, tokens, width // 2)
    cos = g.constant(np.concatenate([cos, cos], 1))
    sin = g.constant(np.concatenate([sin, sin], 1))
    half = (*x[1][:3], width // 2)
    axis = g.integers([3])
    low = g.op("Slice", [x, g.integers([0]), g.integers([width // 2]), axis],
               half)
    high = g.op("Slice", [x, g.integers([width // 2]), g.integers([width]),
                          axis], half)
    turned = g.op("Concat", [g.op("Neg", [high], half), low], x[1], axis=3)
    return g.op("Add", [g.op("Mul", [x, cos], x[1]),
                        g.op("Mul", [turned, sin], x[1])], x[1])


def attention_spelled(mask=None, rotary=False, norm=False, scale="logits",
                      bias=True):
    """Softmax(Q Kᵀ) V with heads, mask: None, additive, where or finite."""
    def block(g, x):
        if not norm:
            g.box()
        source = layer_norm(g, x) if norm else x
        tokens, width = x[1][1], x[1][2]
        heads = 2
        q, k, v = (heads_of(g, projection(g, source, width, bias), heads)
                   for _ in range(3))
        if rotary:
            q, k = rotate(g, q), rotate(g, k)
        head_width = width // heads
        if scale == "both":
            root = g.constant(head_width ** -0.25)
            q = g.op("Mul", [q, root], q[1])
            k = g.op("Mul", [k, root], k[1])
        swapped = (1, heads, head_width, tokens)
        logits = g.op("MatMul", [q, g.op("Transpose", [k], swapped,
                                         perm=[0, 1, 3, 2])],
                      (1, heads, tokens, tokens))
        if scale == "logits":
            logits = g.op("Div", [logits, g.constant(head_width ** 0.5)],
                          logits[1])
        causal = np.tril(np.ones((tokens, tokens), bool))
        if mask == "additive":
            fill = np.where(causal, 0.0, -np.inf)
            logits = g.op("Add", [logits, g.constant(fill)], logits[1])
        elif mask in ("where", "finite"):
            fill = g.constant(-np.inf if mask == "where" else -1e4)
            logits = g.op("Where", [g.constant(causal, np.bool_), logits,
                                    fill], logits[1])
        weights = g.op("Softmax", [logits], logits[1], axis=3)
        y = g.op("MatMul", [weights, v], v[1])
        y = g.op("Transpose", [y], (1, tokens, heads, head_width),
                 perm=[0, 2, 1, 3])
        y = g.op("Reshape", [y, g.integers([0, 0, width])], x[1])
        return projection(g, y, width, bias)
    return block


def attention_op(kv_heads=2, causal=0, cap=0.0, mask=False, four=False):
    """The Attention operator, 3-D or 4-D inputs."""
    def block(g, x):
        g.box()
        g.at_least(23)
        tokens, width, heads = x[1][1], x[1][2], 2
        head_width = width // heads
        q = projection(g, x, width)
        k = projection(g, x, kv_heads * head_width)
        v = projection(g, x, kv_heads * head_width)
        attributes = {"is_causal": causal}
        if cap:
            attributes["softcap"] = cap
        shape = x[1]
        if four:
            q = heads_of(g, q, heads)
            k, v = heads_of(g, k, kv_heads), heads_of(g, v, kv_heads)
            shape = q[1]
        else:
            attributes.update(q_num_heads=heads, kv_num_heads=kv_heads)
        inputs = [q, k, v]
        if mask:
            inputs.append(g.constant(g.random.standard_normal(
                (tokens, tokens))))
        y = g.op("Attention", inputs, shape, **attributes)
        if four:
            y = g.op("Transpose", [y], (1, tokens, heads, head_width),
                     perm=[0, 2, 1, 3])
            y = g.op("Reshape", [y, g.integers([0, 0, width])], x[1])
        return projection(g, y, width)
    return block


def rotary_op(interleaved=0, partial=False):
    """RotaryEmbedding on [1,H,T,d] with stored tables."""
    def block(g, x):
        g.at_least(23)
        tokens, width, heads = x[1][1], x[1][2], 1 if partial else 2
        y = heads_of(g, x, heads)
        half = width // heads // 2 // (2 if partial else 1)
        cos, sin = rotary_tables(g, tokens, half)
        attributes = {"rotary_embedding_dim": 2 * half} if partial else {}
        y = g.op("RotaryEmbedding", [y, g.constant(cos[None]),
                                     g.constant(sin[None])], y[1],
                 interleaved=interleaved, **attributes)
        y = g.op("Transpose", [y], (1, tokens, heads, width // heads),
                 perm=[0, 2, 1, 3])
        return g.op("Reshape", [y, g.integers([0, 0, width])], x[1])
    return block


def cross_attention(g, x):
    """Queries from a tanh of x, keys and values from x (no projection)."""
    g.box()
    tokens, width = x[1][1], x[1][2]
    q = projection(g, g.op("Tanh", [x], x[1]), width)
    k = g.op("Transpose", [projection(g, x, width)], (1, width, tokens),
             perm=[0, 2, 1])
    logits = g.op("MatMul", [q, k], (1, tokens, tokens))
    weights = g.op("Softmax", [g.op("Mul", [logits, g.constant(0.3)],
                                    logits[1])], logits[1], axis=2)
    return g.op("MatMul", [weights, g.op("Relu", [projection(g, x, width)],
                                         x[1])], x[1])


def mlp_residual(g, x):
    width = x[1][-1]
    y = projection(g, x, 2 * width)
    g.at_least(20)
    y = g.op("Gelu", [y], y[1])
    return g.op("Add", [x, projection(g, y, width)], x[1])


def token_mean(g, x):
    mean = g.op("ReduceMean", [x, g.integers([1])], (1, 1, x[1][2]),
                keepdims=1)
    return g.op("Sub", [x, mean], x[1])


def token_concat(g, x):
    """A constant class token in front."""
    token = g.normal(1, 1, x[1][2], scale=0.5)
    y = g.op("Concat", [token, x], (1, x[1][1] + 1, x[1][2]), axis=1)
    return g.op("Add", [y, g.normal(x[1][1] + 1, x[1][2], scale=0.3)], y[1])
