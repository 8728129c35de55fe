//===- Plan.h - What to evaluate to bound a network --------*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A plan is the analysis' answer (architecture D2): which rules to apply, in
// which order, over which weights, without a number. Evaluated with weights it
// becomes the certificate (docs/Certificate.md, whose rule table says what each
// step yields).
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CERTIFICATE_PLAN_H
#define LIPT_CERTIFICATE_PLAN_H

#include "lipt/Certificate/AffineMap.h"
#include "lipt/Support/SymbolicSize.h"

#include <map>
#include <optional>
#include <variant>

namespace lipt {

/// An axis as facts need it. `role` is the name in certificates ("batch", ...).
struct PlanAxis {
  SymbolicSize size;
  std::string role = "unknown";
  bool isPosition() const {
    return role == "batch" || role == "token" || role == "spatial";
  }
};

struct PlanTensor {
  std::string name;
  std::vector<PlanAxis> axes;
};

enum class Norm { L2, LInf, Rms, MaxRms };

struct Domain {
  enum class Kind { Global, Ball, Box, Embedding, OneHot } kind = Kind::Global;
  double radius = 0;     ///< Ball, in `norm`
  double lo = 0, hi = 0; ///< Box
  ConstantRef table;     ///< Embedding: [rows, width]
};

struct PlanInput {
  std::string name;
  std::vector<PlanAxis> axes;
  bool fixed = false;
  Domain domain; ///< of a fixed input
  Norm domainNorm = Norm::L2;
};

struct Question {
  std::string origin, output;
  Norm inputNorm = Norm::L2, outputNorm = Norm::L2;
  Domain domain;
  std::optional<int64_t> selectIndex, selectMinus;
};

//===----------------------------------------------------------------------===//
// Steps, one struct a rule family. Tensors are named; shapes and roles are in
// Plan::tensors. Axes are non-negative.
//===----------------------------------------------------------------------===//

/// B-lin: `tensor` = A * source + b per position.
/// `normalized`: source is norm(t), the normalised vector inside the norm
/// layer whose output is `source`; then the facts come from `normInput`.
struct LinStep {
  AffineRef map;
  std::string source;
  struct Normalized {
    std::string input;     ///< x of the norm layer
    bool centered = false; ///< LayerNorm (true) or RMSNorm
    double epsilon = 0;
    int64_t count = 0; ///< entries normalised together = width of source
  };
  std::optional<Normalized> normalized;
};
/// B-lin-any: numpy matmul with one constant operand.
struct LinAnyStep {
  std::string source;
  ConstantRef constant;
  bool constantOnLeft = false;
};
/// B-mm2: matmul of two varying tensors. `rowsSumToOne`: lhs is a softmax
/// output along its last axis.
struct ProductStep {
  std::string lhs, rhs;
  bool rowsSumToOne = false;
};
/// B-conv / B-convT with an optional per-output-channel scale and shift after
/// it.
struct ConvStep {
  std::string source;
  ConstantRef weight, bias; ///< bias may be null
  std::vector<ConstantRef> scales,
      shifts; ///< y = scale * (conv + bias) + shift, applied in order, equal
              ///< lengths, entries may be null
  std::vector<int64_t> strides, dilations, pads, outputPadding;
  int64_t groups = 1;
  bool transposed = false;
};
/// B-bn: y = scale * x + shift along `axis`.
struct ChannelAffineStep {
  std::string source;
  ConstantRef scale, shift;
  int64_t axis = 1;
};
/// B-maxpool, B-avgpool, B-lppool ("max", "average", "lp"); global: kernel
/// empty.
struct PoolStep {
  std::string source, kind;
  std::vector<int64_t> kernel, strides, dilations, pads;
  bool ceilMode = false, countIncludePad = false;
  int64_t p = 2;
};
/// B-act: `form` is the lipt operation's name with the GELU form attached:
/// relu, leaky_relu, prelu, elu, selu, celu, gelu-erf, gelu-tanh, silu, mish,
/// hard_swish, hard_sigmoid, sigmoid, tanh, softplus, softsign, erf, clip, abs,
/// neg, sin, cos, atan, squared_relu, soft_cap, thresholded_relu.
/// `parameters`: alpha, beta, gamma, limit, min, max, and for gelu-tanh spelled
/// out the stored constants (cubic, factor). `slope`: prelu.
struct ActivationStep {
  std::string source, form;
  std::map<std::string, double> parameters;
  ConstantRef slope;
};
/// B-exp: exp, log, sqrt, reciprocal. B-pow: pow with `exponent`.
struct DomainFunctionStep {
  std::string source, form;
  double exponent = 0;
};
/// B-softmax, B-logsoftmax along `axis` (flatten: all axes from it on).
struct SoftmaxStep {
  std::string source;
  int64_t axis = -1;
  bool flatten = false, logarithm = false;
};
/// B-ln, B-rms over the axes from `axis` on; B-gn (`groups` > 0); B-lpn; B-cap.
struct NormStep {
  std::string source,
      form; ///< layer_norm, rms_norm, group_norm, lp_norm, rms_cap
  ConstantRef gain, bias;
  int64_t axis = -1, groups = 0;
  double epsilon = 0, radius = 0;
  /// Where the normalised axes are not those from one on, they are these, and
  /// `axis` is the rank; gain and bias are of the input's rank then.
  std::vector<int64_t> axes;
};
/// B-add: sum of factors[i] * sources[i] plus constants[j] *
/// constantFactors[j]; sources broadcast to the output's shape.
struct AddStep {
  std::vector<std::string> sources;
  std::vector<double> factors;
  std::vector<ConstantRef> constants;
  std::vector<double> constantFactors;
  int64_t divisor = 1; ///< everything is divided by this (Mean)
};
/// B-mul: two varying tensors (constant null) or one and a constant.
/// B-div: lhs / rhs, either may be the constant (`constantOnLeft`).
struct MulStep {
  std::string lhs, rhs;
  ConstantRef constant;
};
struct DivStep {
  std::string lhs, rhs;
  ConstantRef constant;
  bool constantOnLeft = false;
};
/// B-minmax ("minimum", "maximum") with any number of varying and constant
/// operands.
struct MinMaxStep {
  std::vector<std::string> sources;
  std::vector<ConstantRef> constants;
  bool maximum = false;
};
/// B-where with a condition that does not depend on the input; an operand is a
/// tensor name or, if that is empty, a constant.
struct WhereStep {
  std::string onTrue, onFalse;
  ConstantRef trueConstant, falseConstant, condition;
};
/// B-red, B-red2, B-lse: kind as in ReductionKind ("sum", ...), or "cumsum".
struct ReduceStep {
  std::string source, kind;
  std::vector<int64_t> axes;
};
/// B-concat: operands in order; a constant operand has an empty name.
struct ConcatStep {
  std::vector<std::string> sources;
  std::vector<ConstantRef> constants;
  int64_t axis = 0;
};
/// B-slice: one entry an axis; sizes are the output's.
struct SliceStep {
  std::string source;
  std::vector<int64_t> starts, steps;
};
/// B-pad: mode "constant", "edge", "reflect", "wrap".
struct PadStep {
  std::string source, mode;
  std::vector<int64_t> pads;
  double value = 0;
};
/// B-tile: broadcast (Expand) or repetition to the output's shape.
struct TileStep {
  std::string source;
  bool repeats = false;
};
/// B-gather with constant indices; `elementwise`: GatherElements.
struct GatherStep {
  std::string source;
  ConstantRef indices;
  int64_t axis = 0;
  bool elementwise = false;
};
/// B-shape: row-major reshape (permutation empty) or transpose.
struct ShapeStep {
  std::string source;
  std::vector<int64_t> permutation;
};
/// B-trilu.
struct TriluStep {
  std::string source;
};
/// B-rope: entries of the tables, [.., n, d'/2] or full ([.., n, d']).
struct RotaryStep {
  std::string source;
  ConstantRef cos, sin;
  bool interleaved = false, full = false, partial = false;
};
/// B-embed: a further table lookup by (fixed) integers.
struct EmbedStep {
  ConstantRef table;
};
/// 5.3. Rule A, A-R, A-G, A-X: Q, K, V affine in their sources, `tensor` affine
/// in the core's output `attention`. Rule B-op: the tensors q, k, v only.
struct AttentionStep {
  std::string attention;
  std::string sourceQ, sourceK, sourceV;
  AffineRef mapQ, mapK,
      mapV; ///< from the sources; widths heads * d, head-major
  std::optional<LinStep::Normalized> normalizedQ, normalizedK, normalizedV;
  AffineRef
      mapOut; ///< from the core's output (width heads * d_v); null: identity
  std::string q, k, v; ///< B-op
  int64_t heads = 1, kvHeads = 1, headWidth = 0, valueWidth = 0;
  std::vector<double>
      scales; ///< sigma = product of their absolute values (also square roots
              ///< of scalars folded by the graph, as executed)
  double softcap = 0;
  bool finiteFill = false;
  bool causal = false;
  bool keyTransposed = false; ///< k is [..., width, tokens]
  ConstantRef mask; ///< null: none or causal; evaluated for "no empty row"
  bool maskBoolean = false;
  SymbolicSize queryCount, keyCount;
  ConstantRef rotaryCos, rotarySin; ///< null: no rotary
  bool rotaryInterleaved = false, rotaryFull = false, rotaryPartial = false;
};
/// B-row: one entry (or difference of two) of the affine image of `source`.
struct RowStep {
  AffineRef map;
  std::string source;
};
/// No rule: the tensor stays unbounded. `reason` names operator and remedy.
struct UnboundedStep {
  std::string reason;
};

using StepDetail =
    std::variant<LinStep, LinAnyStep, ProductStep, ConvStep, ChannelAffineStep,
                 PoolStep, ActivationStep, DomainFunctionStep, SoftmaxStep,
                 NormStep, AddStep, MulStep, DivStep, MinMaxStep, WhereStep,
                 ReduceStep, ConcatStep, SliceStep, PadStep, TileStep,
                 GatherStep, ShapeStep, TriluStep, RotaryStep, EmbedStep,
                 AttentionStep, RowStep, UnboundedStep>;

struct PlanStep {
  std::string tensor, rule;
  std::vector<std::string> nodes;  ///< covered, graph order
  std::vector<std::string> inputs; ///< tensors with facts that the rule reads
  std::map<std::string, std::string> roles;
  StepDetail detail;
  std::string location; ///< for people: node name and operator
  std::string block;    ///< for the explanation table: "blocks.3 attention"
};

struct Plan {
  std::string modelFile, modelSha256;
  std::map<std::string, int64_t> sizes;
  std::vector<PlanInput> inputs;
  Question question;
  std::map<std::string, PlanTensor> tensors; ///< of every step and input
  std::vector<PlanStep> steps;               ///< topological order
};

} // namespace lipt

#endif // LIPT_CERTIFICATE_PLAN_H
