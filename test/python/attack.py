# ===- attack.py - Searching for large attained ratios ----------------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Lower bounds of Lipschitz constants: for each pair of norms a point and a
direction with a large ratio, found on exact Jacobians by sampling, hill
climbing and gradient ascent, then confirmed by evaluating the function at two
points of the domain in float64. Only the confirmed quotient is reported.
"""

import math

import torch

PAIRS = (("l2", "l2"), ("linf", "linf"), ("l2", "linf"), ("linf", "l2"),
         ("rms", "rms"), ("max-rms", "max-rms"))


def unit_rows(x, floor=1e-300):
    return x / x.norm(dim=-1, keepdim=True).clamp(min=floor)


def direction_l2_l2(jacobian):
    """Top right singular vectors of [B,m,n]; (values, directions)."""
    _, s, v = torch.linalg.svd(jacobian, full_matrices=False)
    return s[:, 0], v[:, 0]


def direction_linf_linf(jacobian):
    sums = jacobian.abs().sum(-1)
    value, row = sums.max(-1)
    picked = jacobian[torch.arange(len(jacobian)), row]
    return value, torch.where(picked >= 0, 1.0, -1.0).double()


def direction_l2_linf(jacobian):
    value, row = jacobian.norm(dim=-1).max(-1)
    return value, unit_rows(jacobian[torch.arange(len(jacobian)), row])


def direction_linf_l2(jacobian, steps=8):
    """Sign vectors by power iteration (the exact value is NP-hard)."""
    _, v = direction_l2_l2(jacobian)
    sign = torch.where(v >= 0, 1.0, -1.0).double()
    for _ in range(steps):
        back = torch.einsum("bmn,bm->bn", jacobian,
                            torch.einsum("bmn,bn->bm", jacobian, sign))
        sign = torch.where(back >= 0, 1.0, -1.0).double()
    return torch.einsum("bmn,bn->bm", jacobian, sign).norm(dim=-1), sign


def direction_max_rms(jacobian, token_in, token_out, steps=8):
    """Token-wise unit-RMS directions, for the best output token.

    token_in, token_out: widths of one token; sizes must be multiples.
    """
    count, m, n = jacobian.shape
    best_value = torch.full((count,), -1.0, dtype=torch.double)
    best_direction = torch.zeros(count, n, dtype=torch.double)
    for start in range(0, m, token_out):
        rows = jacobian[:, start:start + token_out]
        _, d = direction_l2_l2(rows)
        for _ in range(steps):
            blocks = unit_rows(d.reshape(count, -1, token_in), 1e-30)
            d = (blocks * math.sqrt(token_in)).reshape(count, n)
            out = torch.einsum("bmn,bn->bm", rows, d)
            back = torch.einsum("bmn,bm->bn", rows, out)
            last, d = d, back
        value = out.norm(dim=-1) / math.sqrt(token_out)
        better = value > best_value
        best_value = torch.where(better, value, best_value)
        best_direction = torch.where(better[:, None], last, best_direction)
    return best_value, best_direction


def measure(x, norm, token):
    if norm == "l2":
        return x.norm().item()
    if norm == "linf":
        return x.abs().max().item()
    if norm == "rms":
        return x.norm().item() / math.sqrt(x.numel())
    return (x.reshape(-1, token).norm(dim=-1).max() / math.sqrt(token)).item()


class Attack:
    """An attack on f: R^n -> R^m (flattened) over a box or all of R^n."""

    def __init__(self, function, box, token_in=None, token_out=None, seed=0):
        shape = function.shape
        self.f = lambda x: function(x.reshape(shape)).reshape(-1)
        self.n = math.prod(shape)
        self.box, self.token_in, self.token_out = box, token_in, token_out
        self.generator = torch.Generator().manual_seed(seed)
        self.jacobians = torch.func.vmap(torch.func.jacrev(self.f))

    def pairs(self):
        return [p for p in PAIRS if p[0] != "max-rms" or self.token_in]

    def clamp(self, points):
        return points if self.box is None else points.clamp(*self.box)

    def random_points(self, count):
        def normal(*shape):
            return torch.randn(*shape, generator=self.generator,
                               dtype=torch.double)
        if self.box is None:
            scales = 10 ** (4 * torch.rand(count, 1, dtype=torch.double,
                                           generator=self.generator) - 3)
            points = normal(count, self.n) * scales
            # Sparse and nearly constant points, where norms are extreme.
            sparse = torch.rand(count, self.n, dtype=torch.double,
                                generator=self.generator) < 0.3
            points[::3] *= sparse[::3]
            points[1::7] = points[1::7, :1] + 1e-3 * normal(
                len(points[1::7]), self.n)
            return points + 1e-9 * normal(count, self.n)
        low, high = self.box
        points = torch.rand(count, self.n, dtype=torch.double,
                            generator=self.generator)
        points[::3] = points[::3].round()  # near the corners
        points = low + (high - low) * points
        return self.clamp(points * (1 - 1e-6)
                          + (low + high) / 2 * 1e-6)

    def directions(self, jacobian, pair):
        if pair in (("l2", "l2"), ("rms", "rms")):
            return direction_l2_l2(jacobian)
        if pair == ("linf", "linf"):
            return direction_linf_linf(jacobian)
        if pair == ("l2", "linf"):
            return direction_l2_linf(jacobian)
        if pair == ("linf", "l2"):
            return direction_linf_l2(jacobian)
        return direction_max_rms(jacobian, self.token_in, self.token_out)

    def ascend(self, points, jacobian, pair):
        """Gradient of |J(x) v| with v fixed, as a normalised step."""
        _, v = self.directions(jacobian, pair)

        def slope(x, d):
            _, pull = torch.func.vjp(self.f, x)
            out = torch.func.jvp(self.f, (x,), (d,))[1].detach()
            return (pull(out / out.norm().clamp(min=1e-300))[0] * d).sum()

        gradient = torch.func.vmap(torch.func.grad(slope))(points, v)
        gradient = torch.nan_to_num(gradient)
        return unit_rows(gradient)

    def search(self, samples=128, rounds=32, keep=5, spread=6):
        """{pair: confirmed ratio}"""
        points = self.random_points(samples)
        jacobian = self.finite_jacobians(points)
        result = {}
        for pair in self.pairs():
            value, _ = self.directions(jacobian, pair)
            order = value.argsort(descending=True)[:keep]
            best, best_jacobian = points[order], jacobian[order]
            best_value = value[order]
            size = self.box[1] - self.box[0] if self.box else None
            for step in range(rounds):
                radius = 0.5 ** (step / 3)
                scale = radius * size if size else \
                    radius * best.norm(dim=-1, keepdim=True) / \
                    math.sqrt(self.n) + 1e-6
                moves = torch.randn(spread, *best.shape, dtype=torch.double,
                                    generator=self.generator)
                moves[::2] *= torch.rand(moves[::2].shape,
                                         generator=self.generator) < 0.25
                try:
                    moves[0] = self.ascend(best, best_jacobian, pair) \
                        * math.sqrt(self.n)
                except (RuntimeError, NotImplementedError):
                    pass  # an operator without a second derivative
                trial = self.clamp(best + scale * moves).reshape(-1, self.n)
                trial_jacobian = self.finite_jacobians(trial)
                value, _ = self.directions(trial_jacobian, pair)
                value = value.reshape(spread, -1)
                top, which = value.max(0)
                better = top > best_value
                index = which * len(best) + torch.arange(len(best))
                best = torch.where(better[:, None], trial[index], best)
                best_jacobian = torch.where(better[:, None, None],
                                            trial_jacobian[index],
                                            best_jacobian)
                best_value = torch.where(better, top, best_value)
            _, v = self.directions(best_jacobian, pair)
            result[pair] = max(self.confirm(x, d, pair)
                               for x, d in zip(best, v))
        return result

    def finite_jacobians(self, points):
        """Jacobians; a point where one is not finite counts as zero."""
        jacobian = self.jacobians(points)
        finite = jacobian.isfinite().flatten(1).all(1)
        return torch.where(finite[:, None, None], jacobian, 0.0)

    def confirm(self, point, direction, pair):
        """The quotient of two points of the domain, less its rounding."""
        best = 0.0
        largest = direction.abs().max().item()
        if largest == 0 or not math.isfinite(largest):
            return 0.0
        for relative in (1e-3, 1e-5):
            h = relative * max(point.abs().max().item(), 1e-3) / largest
            if self.box:
                h = relative * (self.box[1] - self.box[0]) / largest
                low, high = self.box
                # Both ends inside: move the middle, not the ends.
                middle = torch.minimum(torch.maximum(
                    point, low + h * direction.abs()),
                    high - h * direction.abs())
            else:
                middle = point
            x, y = middle - h * direction, middle + h * direction
            fx, fy = self.f(x), self.f(y)
            difference, distance = fy - fx, y - x
            noise = 1e-13 * torch.maximum(fx.abs(), fy.abs()).max().item()
            out = measure(difference, pair[1], self.token_out)
            size = math.sqrt(difference.numel()) if pair[1] == "l2" else 1.0
            ratio = (out - noise * size) \
                / measure(distance, pair[0], self.token_in)
            if math.isfinite(ratio):
                best = max(best, ratio)
        return best
