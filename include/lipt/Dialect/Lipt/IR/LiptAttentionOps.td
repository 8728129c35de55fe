//===- LiptAttentionOps.td - Attention and rotary embeddings ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

def Lipt_AttentionOp : Lipt_LayerOp<"attention"> {
  let summary = "Scaled dot-product attention of split heads";
  let description = [{
    `softmax(scale * q k^T, masked) v` with q [..., H, n_q, d], k [..., H_kv, n_k, d],
    v [..., H_kv, n_k, d_v]; result [..., H, n_q, d_v]; query head h uses key/value
    head floor(h * H_kv / H). With `packed_heads = [H, H_kv]` the operands are
    [B, n, heads * d] instead and the result [B, n_q, H * d_v].
    `key_transposed`: the key's last two axes are swapped, [..., H_kv, d, n_k].
    `softcap` > 0 bends logits by `c * tanh(l / c)` before the mask. The mask is
    broadcast to [..., H, n_q, n_k]: `additive` is added; `boolean` keeps true
    entries and sets the others to -inf; `fill` replaces the logits of *true*
    entries by `mask_fill`. `causal` masks keys after the query (aligned at the
    upper left, key j > query i).
    Bounds: (attn) A, A-R, A-G, A-X, B-op, A-inf, B of docs/Bounds.md.
  }];
  let arguments = (ins Lipt_Tensor:$query, Lipt_Tensor:$key,
      Lipt_Tensor:$value, Optional<Lipt_Tensor>:$mask, F64Attr:$scale,
      UnitAttr:$causal, OptionalAttr<DenseI64ArrayAttr>:$packed_heads,
      DefaultValuedAttr<F32Attr, "0.0f">:$softcap,
      DefaultValuedAttr<Lipt_MaskKindAttr, "::lipt::MaskKind::Additive">:$mask_kind,
      DefaultValuedAttr<F32Attr, "0.0f">:$mask_fill, UnitAttr:$key_transposed);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` $mask^ `:` type($mask))? attr-dict `:`
    type($query) `,` type($key) `,` type($value)
  }];
}

def Lipt_RotaryOp : Lipt_LayerOp<"rotary"> {
  let summary = "Rotate pairs of features by a stored table of angles";
  let description = [{
    Input [..., n, d] (or [B, n, heads * d] with `packed_heads`); `cos`, `sin`
    broadcast to [..., n, d'/2] (or [..., n, d'] with `full_table`, whose halves
    may differ), d' = `rotary_dim` (0: all). Halves (x1, x2) are the first and
    second half of the rotated features, or even and odd ones if `interleaved`:
    (x1 cos - x2 sin, x2 cos + x1 sin). Bounds: (B-rope).
  }];
  let arguments = (ins Lipt_Tensor:$input, Lipt_Tensor:$cos,
      Lipt_Tensor:$sin, UnitAttr:$interleaved, UnitAttr:$full_table,
      DefaultValuedAttr<I64Attr, "0">:$rotary_dim,
      DefaultValuedAttr<I64Attr, "0">:$packed_heads);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $cos `,` $sin attr-dict `:` type($input) `,` type($cos) `,` type($sin)
  }];
}
