# ===- networks.py - Small PyTorch networks of our own ----------------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Small networks with fixed seeds, written the way users write them.

They differ on purpose in how attention is spelled (the fused function, or
softmax of a product with a mask filled in), in how queries, keys and values
are made (one matrix or three), in the placement of norms, and in rotary
embeddings. Shapes: B batch, T tokens, D width, H heads, d head width.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

# The divisor of the paper's GELU (arXiv 2507.13338); 3.7e-6 below the true
# supremum of the slope.
PAPER_GELU_DIVISOR = 1.1289


def rotary_table(tokens, width, base=10000.0):
    """cos and sin, [tokens, width/2], angles pos * base^(-2i/width)."""
    frequency = base ** (-torch.arange(0, width, 2, dtype=torch.float64)
                         / width)
    angle = torch.arange(tokens, dtype=torch.float64)[:, None] * frequency
    return angle.cos().float(), angle.sin().float()


def split_heads(x, heads):
    """[B,T,H*d] -> [B,H,T,d]"""
    batch, tokens, width = x.shape
    return x.view(batch, tokens, heads, width // heads).transpose(1, 2)


def join_heads(x):
    """[B,H,T,d] -> [B,T,H*d]"""
    batch, heads, tokens, width = x.shape
    return x.transpose(1, 2).reshape(batch, tokens, heads * width)


# ---- (a) the LayerNorm-free causal transformer of arXiv 2507.13338 ----------


class PaperAttention(nn.Module):
    """Causal, rotary, logits q.k/d, output times 1/3, no biases."""

    def __init__(self, width, heads, tokens, fused):
        super().__init__()
        self.heads, self.fused = heads, fused
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        cos, sin = rotary_table(tokens, width // heads)
        self.register_buffer("cos", cos)
        self.register_buffer("sin", sin)
        self.register_buffer("mask", torch.tril(
            torch.ones(tokens, tokens)).bool())

    def rotate(self, x):
        """Turn the pairs (i, i + d/2) of [B,H,T,d]."""
        tokens = x.size(2)
        cos, sin = self.cos[:tokens], self.sin[:tokens]
        low, high = x.chunk(2, dim=-1)
        return torch.cat([low * cos + high * sin,
                          high * cos - low * sin], dim=-1)

    def forward(self, x):
        q = self.rotate(split_heads(self.query(x), self.heads))
        k = self.rotate(split_heads(self.key(x), self.heads))
        v = split_heads(self.value(x), self.heads)
        head_width = q.size(-1)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True,
                                               scale=1.0 / head_width)
        else:
            tokens = x.size(1)
            logits = q @ k.transpose(-2, -1) * (1.0 / head_width)
            logits = logits.masked_fill(~self.mask[:tokens, :tokens],
                                        float("-inf"))
            y = torch.softmax(logits, dim=-1) @ v
        return self.out(join_heads(y)) * (1.0 / 3.0)


class PaperMlp(nn.Module):

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, 4 * width, bias=False)
        self.outer = nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        return self.outer(F.gelu(self.inner(x)) / PAPER_GELU_DIVISOR)


class PaperTransformer(nn.Module):
    """x <- (1-a) x + a f(x), a = 1/(2 blocks); from embeddings or token ids."""

    def __init__(self, vocabulary=65, width=32, heads=4, tokens=8, blocks=2,
                 from_tokens=False, fused=False):
        super().__init__()
        self.mix = 1.0 / (2 * blocks)
        self.from_tokens = from_tokens
        self.embedding = nn.Embedding(vocabulary, width) if from_tokens \
            else None
        self.attentions = nn.ModuleList(
            PaperAttention(width, heads, tokens, fused)
            for _ in range(blocks))
        self.mlps = nn.ModuleList(PaperMlp(width) for _ in range(blocks))
        self.unembedding = nn.Linear(width, vocabulary, bias=False)

    def forward(self, x):
        if self.from_tokens:
            x = self.embedding(x)
        for attention, mlp in zip(self.attentions, self.mlps):
            x = (1 - self.mix) * x + self.mix * attention(x)
            x = (1 - self.mix) * x + self.mix * mlp(x)
        return self.unembedding(x)


# ---- (b), (c) encoders with LayerNorm ---------------------------------------


class BiasedAttention(nn.Module):
    """Multi-head attention with biases, logits q.k/sqrt(d), no mask."""

    def __init__(self, width, heads, fused):
        super().__init__()
        self.heads, self.fused = heads, fused
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        q = split_heads(self.query(x), self.heads)
        k = split_heads(self.key(x), self.heads)
        v = split_heads(self.value(x), self.heads)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            logits = torch.matmul(q, k.transpose(-1, -2))
            logits = logits / math.sqrt(q.size(-1))
            y = torch.matmul(F.softmax(logits, dim=-1), v)
        return self.out(join_heads(y))


class GeluMlp(nn.Module):

    def __init__(self, width, approximate="none"):
        super().__init__()
        self.inner = nn.Linear(width, 4 * width)
        self.outer = nn.Linear(4 * width, width)
        self.activation = nn.GELU(approximate=approximate)

    def forward(self, x):
        return self.outer(self.activation(self.inner(x)))


class PreNormEncoder(nn.Module):
    """x + f(norm(x)), a final norm and a linear head per token."""

    def __init__(self, width=32, heads=4, blocks=2, outputs=10):
        super().__init__()
        self.norms1 = nn.ModuleList(nn.LayerNorm(width)
                                    for _ in range(blocks))
        self.norms2 = nn.ModuleList(nn.LayerNorm(width)
                                    for _ in range(blocks))
        self.attentions = nn.ModuleList(BiasedAttention(width, heads, True)
                                        for _ in range(blocks))
        self.mlps = nn.ModuleList(GeluMlp(width) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)

    def forward(self, x):
        for norm1, attention, norm2, mlp in zip(
                self.norms1, self.attentions, self.norms2, self.mlps):
            x = x + attention(norm1(x))
            x = x + mlp(norm2(x))
        return self.head(self.norm(x))


class PostNormEncoder(nn.Module):
    """BERT's order: a norm on the embeddings, then norm(x + f(x))."""

    def __init__(self, width=48, heads=3, blocks=2):
        super().__init__()
        self.embedding_norm = nn.LayerNorm(width)
        self.norms1 = nn.ModuleList(nn.LayerNorm(width)
                                    for _ in range(blocks))
        self.norms2 = nn.ModuleList(nn.LayerNorm(width)
                                    for _ in range(blocks))
        self.attentions = nn.ModuleList(BiasedAttention(width, heads, False)
                                        for _ in range(blocks))
        self.mlps = nn.ModuleList(GeluMlp(width, "tanh")
                                  for _ in range(blocks))

    def forward(self, x):
        x = self.embedding_norm(x)
        for norm1, attention, norm2, mlp in zip(
                self.norms1, self.attentions, self.norms2, self.mlps):
            x = norm1(x + attention(x))
            x = norm2(x + mlp(x))
        return x


# ---- (d) ViT ----------------------------------------------------------------


class FusedQkvAttention(nn.Module):
    """One matrix for q, k and v, as in timm: [B,T,3,H,d] permuted."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads,
                                  width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(batch, tokens, width))


class VisionTransformer(nn.Module):
    """Patch convolution, class token, positions, pre-norm blocks."""

    def __init__(self, image=16, patch=4, channels=3, width=32, heads=4,
                 blocks=2, classes=10):
        super().__init__()
        self.projection = nn.Conv2d(channels, width, patch, stride=patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(
            torch.zeros(1, (image // patch) ** 2 + 1, width))
        self.norms1 = nn.ModuleList(nn.LayerNorm(width, eps=1e-6)
                                    for _ in range(blocks))
        self.norms2 = nn.ModuleList(nn.LayerNorm(width, eps=1e-6)
                                    for _ in range(blocks))
        self.attentions = nn.ModuleList(FusedQkvAttention(width, heads)
                                        for _ in range(blocks))
        self.mlps = nn.ModuleList(GeluMlp(width) for _ in range(blocks))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.projection(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.size(0), -1, -1), x], dim=1)
        x = x + self.positions
        for norm1, attention, norm2, mlp in zip(
                self.norms1, self.attentions, self.norms2, self.mlps):
            x = x + attention(norm1(x))
            x = x + mlp(norm2(x))
        return self.head(self.norm(x)[:, 0])


# ---- (e) SwiGLU with RMSNorm ------------------------------------------------


class RmsNorm(nn.Module):
    """As in Llama: x * rsqrt(mean(x^2) + eps) * gain."""

    def __init__(self, width, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * (x * scale)


def rotate_half(x):
    low, high = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2:]
    return torch.cat((-high, low), dim=-1)


class RotaryGroupedAttention(nn.Module):
    """Causal attention, rotate-half rotary embeddings, grouped heads."""

    def __init__(self, width, heads, kv_heads, tokens):
        super().__init__()
        self.heads, self.kv_heads = heads, kv_heads
        head_width = width // heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, kv_heads * head_width, bias=False)
        self.value = nn.Linear(width, kv_heads * head_width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        cos, sin = rotary_table(tokens, head_width)
        self.register_buffer("cos", torch.cat([cos, cos], dim=-1))
        self.register_buffer("sin", torch.cat([sin, sin], dim=-1))

    def rotate(self, x):
        tokens = x.size(2)
        return x * self.cos[:tokens] + rotate_half(x) * self.sin[:tokens]

    def forward(self, x):
        q = self.rotate(split_heads(self.query(x), self.heads))
        k = self.rotate(split_heads(self.key(x), self.kv_heads))
        v = split_heads(self.value(x), self.kv_heads)
        repeat = self.heads // self.kv_heads
        if repeat > 1:
            k = k.repeat_interleave(repeat, dim=1)
            v = v.repeat_interleave(repeat, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(join_heads(y))


class SwiGlu(nn.Module):

    def __init__(self, width, hidden):
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class SwiGluDecoder(nn.Module):

    def __init__(self, width=32, heads=4, kv_heads=2, tokens=8, blocks=2,
                 outputs=65):
        super().__init__()
        self.norms1 = nn.ModuleList(RmsNorm(width) for _ in range(blocks))
        self.norms2 = nn.ModuleList(RmsNorm(width) for _ in range(blocks))
        self.attentions = nn.ModuleList(
            RotaryGroupedAttention(width, heads, kv_heads, tokens)
            for _ in range(blocks))
        self.mlps = nn.ModuleList(SwiGlu(width, 3 * width)
                                  for _ in range(blocks))
        self.norm = RmsNorm(width)
        self.head = nn.Linear(width, outputs, bias=False)

    def forward(self, x):
        for norm1, attention, norm2, mlp in zip(
                self.norms1, self.attentions, self.norms2, self.mlps):
            x = x + attention(norm1(x))
            x = x + mlp(norm2(x))
        return self.head(self.norm(x))


# ---- (f) a CNN --------------------------------------------------------------


class DepthwiseBlock(nn.Module):
    """Inverted residual: depthwise 3x3, batch norm, ReLU6, pointwise."""

    def __init__(self, channels):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1,
                                   groups=channels, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = F.relu6(self.norm1(self.depthwise(x)))
        return x + self.norm2(self.pointwise(y))


class ConvolutionalNetwork(nn.Module):

    def __init__(self, channels=16, classes=10):
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, stride=2, padding=1)
        self.stem_norm = nn.BatchNorm2d(channels)
        self.block1 = DepthwiseBlock(channels)
        self.block2 = DepthwiseBlock(channels)
        self.pool = nn.AvgPool2d(2)
        # No exporter folds this one: it stays a BatchNormalization node.
        self.head_norm = nn.BatchNorm1d(channels)
        self.head = nn.Linear(channels, classes)

    def forward(self, x):
        x = F.hardswish(self.stem_norm(self.stem(x)))
        x = self.pool(self.block1(x))
        x = self.block2(x)
        return self.head(self.head_norm(x.mean(dim=(2, 3))))


# ---- seeds, samples, the list -----------------------------------------------


@torch.no_grad()
def randomize(module, seed):
    """Deterministic weights that make every parameter matter.

    Matrices N(0, 1/fan_in), gains in [0.8, 1.2], biases and tokens N(0, .01),
    running means N(0, .01) and variances in [0.5, 1.5].
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor, scale):
        tensor.copy_(scale * torch.randn(tensor.shape, generator=generator))

    def uniform(tensor, low, high):
        tensor.copy_(low + (high - low)
                     * torch.rand(tensor.shape, generator=generator))

    for name, parameter in module.named_parameters():
        last = name.rsplit(".", 1)[-1]
        if name == "embedding.weight":
            normal(parameter, 0.8)
        elif parameter.dim() >= 2 and last == "weight":
            normal(parameter, 1 / math.sqrt(parameter[0].numel()))
        elif last == "weight":
            uniform(parameter, 0.8, 1.2)
        else:
            normal(parameter, 0.1)
    for name, buffer in module.named_buffers():
        if name.endswith("running_mean"):
            normal(buffer, 0.1)
        elif name.endswith("running_var"):
            uniform(buffer, 0.5, 1.5)
    return module.eval()


class Network:
    """A network, its sample inputs and how it is to be certified.

    `dynamic` names the symbolic axes of the input (axis -> name); `options`
    are lipt-certify's, `norms` the pair that the bound is stated in.
    """

    def __init__(self, name, module, sample, dynamic, norms, options=()):
        self.name, self.module, self.sample = name, module, sample
        self.dynamic, self.norms, self.options = dynamic, norms, list(options)
        self.input_name, self.output_name = "input", "output"

    def samples(self, count=3):
        """Further inputs of the sample's shape."""
        generator = torch.Generator().manual_seed(99)
        result = [self.sample]
        while len(result) < count:
            if self.sample.dtype == torch.int64:
                result.append(torch.randint(0, 65, self.sample.shape,
                                            generator=generator))
            else:
                result.append(torch.randn(self.sample.shape,
                                          generator=generator))
        return result


def all_networks():
    """Every network of item 3 of the issue, with fixed seeds."""
    generator = torch.Generator().manual_seed(7)

    def tokens(*shape):
        return torch.randint(0, 65, shape, generator=generator)

    def reals(*shape):
        return torch.randn(*shape, generator=generator)

    max_rms = ("max-rms", "max-rms")
    ball = ["--input-norm=max-rms", "--output-norm=max-rms",
            "--input-ball=1"]
    token_norms = ball[:2]
    batch = {0: "batch"}
    return [
        Network("layernorm_free", randomize(PaperTransformer(), 1),
                reals(2, 8, 32), {}, max_rms, ball),
        Network("layernorm_free_tokens",
                randomize(PaperTransformer(from_tokens=True, fused=True), 2),
                tokens(2, 8), batch, max_rms, token_norms),
        Network("pre_norm_encoder", randomize(PreNormEncoder(), 3),
                reals(2, 12, 32), {0: "batch", 1: "tokens"}, max_rms,
                token_norms),
        Network("post_norm_encoder", randomize(PostNormEncoder(), 4),
                reals(2, 10, 48), batch, max_rms, token_norms),
        Network("vision_transformer", randomize(VisionTransformer(), 5),
                reals(2, 3, 16, 16), batch, ("l2", "l2")),
        Network("swiglu_decoder",
                randomize(SwiGluDecoder(kv_heads=4), 6),
                reals(2, 8, 32), {}, max_rms, token_norms),
        Network("swiglu_grouped_decoder",
                randomize(SwiGluDecoder(kv_heads=2), 7),
                reals(2, 8, 32), batch, max_rms, token_norms),
        Network("convolutional", randomize(ConvolutionalNetwork(), 8),
                reals(2, 3, 16, 16), batch, ("l2", "l2")),
    ]
