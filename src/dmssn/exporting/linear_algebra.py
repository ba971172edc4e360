"""Eigenvectors and inverse factors in ONNX, which has neither, nor triangular systems.

The eigenvectors come from Jacobi rotations, n / 2 at a time (Brent and Luk, "The solution of
singular-value and symmetric eigenvalue problems on multiprocessor arrays", SIAM J. Sci. Stat.
Comput. 6, 1985), inverse factors from the elimination that Cholesky's factors come from; both in
float64. Signs of eigenvectors, and how those of one eigenvalue are turned, are others than
LAPACK's.

The bodies of these functions are read by onnxscript, not run: they hold ONNX's operators alone.

Letters: B bands, n axes, N matrices, K their side.
"""

# What onnxscript decorates, and the names it gives to its operators, have no types.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, B007

from onnxscript import DOUBLE, script
from onnxscript import opset18 as op
from onnxscript.values import Opset

DOMAIN = "dmssn"
"""Of the functions, in a graph."""
OPSET = 18
"""Version of ONNX's operators they are made of."""
SWEEPS = 16
"""Times at most that every pair of axes is turned; six to ten are usual."""
PRECISE = 1e-13
"""Of the largest eigenvalue: what may be left beside the diagonal."""
TINY = 1e-30

own = Opset(DOMAIN, 1)


@script(own, default_opset=op)
def turned(x, cosine, sine, partner):
    """Rows of x (n, m), each turned with its partner by an angle of its own."""
    return cosine * x - sine * op.Gather(x, partner, axis=0)


@script(own, default_opset=op)
def leading(covariance, most):
    """The greatest eigenvalues of (B, B) float64, at most so many, and their vectors (B, ...)."""
    bands = op.Shape(covariance, start=0, end=1)
    odd = bands % 2  # an even number of axes makes pairs; one more of zeros changes nothing
    matrix = op.Pad(covariance, op.Concat([0, 0], odd, odd, axis=0))
    count = op.Squeeze(bands + odd)
    last = count - 1
    index = op.Range(0, count, 1)
    column = op.Unsqueeze(index, [1])
    vectors = op.EyeLike(matrix)  # a row each
    others = 1.0 - vectors
    for sweep in range(SWEEPS):
        for turn in range(last):
            # A tournament: i meets j when i + j is the round, modulo n - 1; who would meet itself
            # meets the last.
            fixed = (turn * (count / 2)) % last
            usual = op.Where(index == fixed, last, (turn - index) % last)
            partner = op.Where(index == last, fixed, usual)
            diagonal = op.Squeeze(op.GatherElements(matrix, column, axis=1), [1])
            partners = op.Unsqueeze(partner, [1])
            at_partner = op.Squeeze(op.GatherElements(matrix, partners, axis=1), [1])
            # Of both sides of the diagonal, which differ by rounding, or angles would not be
            # opposite.
            beside = 0.5 * (at_partner + op.Gather(at_partner, partner))
            gap = op.Gather(diagonal, partner) - diagonal
            order = op.Sign(op.Cast(partner - index, to=DOUBLE.dtype))
            sign = op.Where(gap == 0.0, order, op.Sign(gap))
            reach = op.Abs(gap) + op.Sqrt(gap * gap + 4.0 * beside * beside) + TINY
            slope = op.Unsqueeze(2.0 * beside * sign / reach, [1])
            cosine = 1.0 / op.Sqrt(1.0 + slope * slope)
            sine = slope * cosine
            half = op.Transpose(turned(matrix, cosine, sine, partner), perm=[1, 0])
            matrix = turned(half, cosine, sine, partner)
            vectors = turned(vectors, cosine, sine, partner)
        left = op.ReduceMax(op.Abs(matrix * others), keepdims=0)
        done = left <= PRECISE * op.ReduceMax(op.Abs(matrix), keepdims=0)
        if done:
            break
    found = op.Squeeze(op.GatherElements(matrix, column, axis=1), [1])
    values, places = op.TopK(found, op.Reshape(op.Min(count, most), [1]))
    axes = op.Gather(op.Transpose(vectors, perm=[1, 0]), places, axis=1)
    return values, op.Slice(axes, [0], bands, [0])


@script(own, default_opset=op)
def inverse_factors(covariance):
    """L^-1 of each L L^T of (N, K, K) float64: what elimination makes of an identity beside it."""
    size = op.Shape(covariance, start=1, end=2)
    ones = op.EyeLike(op.Squeeze(op.Slice(covariance, [0], [1], [0]), [0]))
    state = op.Concat(covariance, op.Expand(ones, op.Shape(covariance)), axis=2)
    steps = op.Squeeze(size)
    index = op.Range(0, steps, 1)
    for step in range(steps):
        whole = op.Gather(state, step, axis=1)
        pivot = op.Unsqueeze(op.Sqrt(op.Gather(whole, step, axis=1)), [1])
        row = whole / pivot
        below = op.Gather(state, step, axis=2) / pivot
        share = op.Where(index == step, pivot - 1.0, op.Where(index > step, below, 0.0))
        state = state - op.Unsqueeze(share, [2]) * op.Unsqueeze(row, [1])
    return op.Slice(state, size, size + size, [2])
