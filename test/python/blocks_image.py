# ===- blocks_image.py - Random networks: convolutions and pools -----------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===-----------------------------------------------------------------------===#
"""Blocks on [1,C,spatial…]: convolutions, pools, channel norms, resizing."""

from graph_builder import convolution, out_size


def conv_variant(**options):
    def block(g, x):
        return convolution(g, x, **options)
    return block


def depthwise(g, x):
    return convolution(g, x, same=True, groups=x[1][1])


def conv_transpose(stride=1, dilation=1, pad=0, output_padding=0, groups=1):
    def block(g, x):
        rank, channels, kernel = len(x[1]) - 2, x[1][1], 3
        spatial = [(s - 1) * stride + dilation * (kernel - 1) + 1 - 2 * pad
                   + output_padding for s in x[1][2:]]
        outputs = channels if groups > 1 else channels + 1
        return g.op("ConvTranspose",
                    [x, g.normal(channels, outputs // groups,
                                 *[kernel] * rank),
                     g.normal(outputs, scale=0.2)],
                    (1, outputs, *spatial), kernel_shape=[kernel] * rank,
                    strides=[stride] * rank, dilations=[dilation] * rank,
                    pads=[pad] * 2 * rank, group=groups,
                    output_padding=[output_padding] * rank)
    return block


def pool(kind, kernel=2, stride=2, pad=0, dilation=1, **attributes):
    def block(g, x):
        spatial = [out_size(s, kernel, stride, dilation, 2 * pad)
                   for s in x[1][2:]]
        extra = dict(attributes)
        if dilation > 1:
            extra["dilations"] = [dilation] * 2
        return g.op(kind, [x], (*x[1][:2], *spatial),
                    kernel_shape=[kernel] * 2, strides=[stride] * 2,
                    pads=[pad] * 4, **extra)
    return block


def global_pool(kind, **attributes):
    def block(g, x):
        return g.op(kind, [x], (*x[1][:2], *[1] * (len(x[1]) - 2)),
                    **attributes)
    return block


def batch_norm(g, x):
    c = x[1][1]
    return g.op("BatchNormalization",
                [x, g.uniform(-1.5, 1.5, c), g.normal(c, scale=0.2),
                 g.normal(c, scale=0.2), g.uniform(0.3, 2.0, c)], x[1],
                epsilon=1e-5)


def conv_batch_norm(g, x):
    y = batch_norm(g, convolution(g, x, same=True))
    return g.op("Add", [x, g.op("Relu", [y], y[1])], x[1])


def instance_norm(g, x):
    c = x[1][1]
    return g.op("InstanceNormalization",
                [x, g.uniform(0.5, 1.5, c), g.normal(c, scale=0.2)], x[1],
                epsilon=float(g.choose(1e-5, 1e-2)))


def group_norm(g, x):
    g.at_least(21)
    c = x[1][1]
    return g.op("GroupNormalization",
                [x, g.uniform(0.5, 1.5, c), g.normal(c, scale=0.2)], x[1],
                num_groups=c if c % 2 else 2, epsilon=1e-2)


def resize_nearest(g, x):
    scales = [1.0, 1.0] + [2.0] * (len(x[1]) - 2)
    return g.op("Resize", [x, "", g.constant(scales)],
                (*x[1][:2], *[2 * s for s in x[1][2:]]), mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor")


def depth_to_space(g, x):
    y = g.op("Conv", [x, g.normal(4, x[1][1], 1, 1)], (1, 4, *x[1][2:]),
             kernel_shape=[1, 1])
    return g.op("DepthToSpace", [y], (1, 1, 2 * x[1][2], 2 * x[1][3]),
                blocksize=2)
