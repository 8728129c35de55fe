# ===- model_file.py - Small ONNX and safetensors files ---------------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Writes small ONNX and safetensors files with Python's standard library alone,
so that the examples, the tutorial and the tests of the tools need no package.

    from model_file import node, save_onnx
    save_onnx("double.onnx", [node("Mul", ["x", "two"], ["y"])],
              {"two": [2.0]}, inputs={"x": ["n", 3]}, outputs={"y": ["n", 3]})

A tensor is a nested list of float (stored as float32) or of int (int64). A size
is a number, or a string for a symbolic size.
"""

import json
import random
import struct

FLOAT, INT64 = 1, 7  # TensorProto.DataType
# AttributeProto.AttributeType
ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_STRING = 1, 2, 3
ATTRIBUTE_TENSOR, ATTRIBUTE_INTS = 4, 7


def varint(value):
    """Protobuf's base-128 integer; negative numbers as 64-bit complement."""
    value &= (1 << 64) - 1
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(data + bytearray([value]))


def integer(field, value):
    return varint(field << 3) + varint(value)


def message(field, data):
    """A length-delimited field: bytes, text, or an encoded message."""
    if isinstance(data, str):
        data = data.encode()
    return varint(field << 3 | 2) + varint(len(data)) + data


def flatten(value):
    """(shape, flat list in row-major order) of a nested list."""
    if not isinstance(value, list):
        return [], [value]
    parts = [flatten(item) for item in value]
    shape = parts[0][0] if parts else []
    if any(part[0] != shape for part in parts):
        raise ValueError("the nested lists differ in shape")
    return [len(value)] + shape, [x for _, flat in parts for x in flat]


def tensor(value, name=""):
    """TensorProto of a nested list."""
    shape, flat = flatten(value)
    whole = bool(flat) and all(type(x) is int for x in flat)
    data = struct.pack(f"<{len(flat)}{'q' if whole else 'f'}", *flat)
    return (b"".join(integer(1, size) for size in shape)
            + integer(2, INT64 if whole else FLOAT)
            + message(8, name) + message(9, data))


def attribute(name, value):
    data = message(1, name)
    if isinstance(value, float):
        kind, data = ATTRIBUTE_FLOAT, data + b"\x15" + struct.pack("<f", value)
    elif isinstance(value, int):
        kind, data = ATTRIBUTE_INT, data + integer(3, value)
    elif isinstance(value, str):
        kind, data = ATTRIBUTE_STRING, data + message(4, value)
    elif isinstance(value, bytes):  # an encoded TensorProto
        kind, data = ATTRIBUTE_TENSOR, data + message(5, value)
    else:
        kind = ATTRIBUTE_INTS
        data += b"".join(integer(8, item) for item in value)
    return data + integer(20, kind)


def node(operator, inputs, outputs, name="", domain="", **attributes):
    """NodeProto; attributes are float, int, str, lists of int, or tensor()."""
    return (b"".join(message(1, text) for text in inputs)
            + b"".join(message(2, text) for text in outputs)
            + message(3, name) + message(4, operator)
            + b"".join(message(5, attribute(key, value))
                       for key, value in attributes.items())
            + message(7, domain))


def value_info(name, sizes, element=FLOAT):
    dimensions = b"".join(
        message(1, message(2, size) if isinstance(size, str)
                else integer(1, size)) for size in sizes)
    return message(1, name) + message(
        2, message(1, integer(1, element) + message(2, dimensions)))


def encode_onnx(nodes, tensors, inputs, outputs, opset=17):
    """ModelProto; inputs and outputs map names to lists of sizes."""
    graph = (b"".join(message(1, item) for item in nodes)
             + message(2, "main")
             + b"".join(message(5, tensor(value, name))
                        for name, value in tensors.items())
             + b"".join(message(11, value_info(*item))
                        for item in inputs.items())
             + b"".join(message(12, value_info(*item))
                        for item in outputs.items()))
    # ir_version 8 fits opsets up to 19, 10 up to 23.
    return (integer(1, 8 if opset < 20 else 10) + message(2, "lipt examples")
            + message(7, graph)
            + message(8, message(1, "") + integer(2, opset)))


def save_onnx(path, nodes, tensors, inputs, outputs, opset=17):
    with open(path, "wb") as file:
        file.write(encode_onnx(nodes, tensors, inputs, outputs, opset))


def save_safetensors(path, tensors):
    """A safetensors file of float32 tensors (nested lists)."""
    header, data = {}, b""
    for name, value in tensors.items():
        shape, flat = flatten(value)
        chunk = struct.pack(f"<{len(flat)}f", *flat)
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + len(chunk)]}
        data += chunk
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def random_matrix(seed, rows, columns, scale=1.0):
    """Gaussian entries of the given standard deviation over sqrt(columns)."""
    source = random.Random(seed)
    return [[source.gauss(0, scale / columns ** 0.5) for _ in range(columns)]
            for _ in range(rows)]


def random_vector(seed, size, scale=1.0):
    source = random.Random(seed)
    return [source.gauss(0, scale) for _ in range(size)]
