"""``models.evidence`` in ONNX: functions of its own operators, for graphs that need nothing else.

The bodies of these functions are read by onnxscript, not run: they hold ONNX's operators alone.

Letters: B bands, H rows, W columns, R regions, K directions, A anchors, E kinds of evidence,
c cells a side.
"""

# What onnxscript decorates, and the names it gives to its operators, have no types.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, RUF059

import onnx
from onnxscript import DOUBLE, FLOAT, INT64, script
from onnxscript import opset18 as op
from onnxscript.values import OnnxFunction

from dmssn.exporting import linear_algebra
from dmssn.exporting.linear_algebra import DOMAIN, TINY, inverse_factors, leading, own
from dmssn.models.evidence import (
    BANDWIDTH,
    CELLS,
    FEW,
    GRID,
    LEAST_VARIANCE,
    LINE,
    MANY,
    SCENE_PART,
    SIDES,
    USUAL,
    WINDOWS,
)

FAR = 1e30
NARROW = 0.5 / BANDWIDTH**2
AROUND_1, AROUND_2, AROUND_3, AROUND_4 = CELLS
WITHIN_1, WITHIN_2 = WINDOWS
USUAL_LEVELS = list(USUAL)


@script(own, default_opset=op)
def whitened(standard, weight):
    """Spectra (R, B) float64 of weights (R,) in their leading directions, (R, MANY) float32."""
    weighed = standard * op.Unsqueeze(weight, [1])
    values, axes = leading(op.MatMul(op.Transpose(standard, perm=[1, 0]), weighed), MANY)
    floor = LEAST_VARIANCE * op.Max(op.Slice(values, [0], [1]), LEAST_VARIANCE)
    scale = op.Where(values > floor, 1.0 / op.Sqrt(op.Max(values, TINY)), 0.0)
    found = op.Cast(op.MatMul(standard, axes * scale), to=FLOAT.dtype)
    missing = MANY - op.Shape(found, start=1, end=2)
    return op.Pad(found, op.Concat([0, 0, 0], missing, axis=0))


@script(own, default_opset=op)
def standardized(table, weight):
    """Spectra (R, B), each band of mean 0 and variance 1 under weights (R,); float64."""
    exact = op.Cast(table, to=DOUBLE.dtype)
    apart = exact - op.MatMul(weight, exact)
    deviation = op.Sqrt(op.MatMul(weight, apart * apart))
    live = deviation > LEAST_VARIANCE
    return apart * op.Where(live, 1.0 / op.Max(deviation, LEAST_VARIANCE), 0.0)


@script(own, default_opset=op)
def mahalanobis(points, weight):
    """Distance of points (R, K) to a part of them, of weights (R,)."""
    exact = op.Cast(points, to=DOUBLE.dtype)
    part = op.Cast(weight, to=DOUBLE.dtype)
    share = part / op.ReduceSum(part)
    apart = exact - op.MatMul(share, exact)
    columns = op.Transpose(apart, perm=[1, 0])
    covariance = op.MatMul(columns, apart * op.Unsqueeze(share, [1]))
    whole = covariance + SCENE_PART * op.EyeLike(covariance)
    white = op.MatMul(op.Squeeze(inverse_factors(op.Unsqueeze(whole, [0])), [0]), columns)
    return op.Cast(op.Sqrt(op.ReduceSum(white * white, [0], keepdims=0)), to=FLOAT.dtype)


@script(own, default_opset=op)
def counted(ids, weights, regions):
    """Sum of the weights of each id: (regions,) float32; those of id -1 are left out."""
    none = op.Expand(op.Constant(value_float=0.0), regions + 1)
    found = op.ScatterElements(none, ids, weights, axis=0, reduction="add")
    return op.Slice(found, [0], regions)


@script(own, default_opset=op)
def pixels_at_sides(rows, regions):
    """Pixels of each region along the sides of the picture."""
    height = op.Shape(rows, start=0, end=1)
    width = op.Shape(rows, start=1, end=2)
    down = op.Max(height / SIDES, 1)
    across = op.Max(width / SIDES, 1)
    y = op.Range(0, op.Squeeze(height), 1)
    x = op.Range(0, op.Squeeze(width), 1)
    at_ends = op.Or(y < down, y >= height - down)
    at_flanks = op.Or(x < across, x >= width - across)
    edge = op.Or(op.Unsqueeze(at_ends, [1]), op.Unsqueeze(at_flanks, [0]))
    weights = op.Reshape(op.Cast(edge, to=FLOAT.dtype), [-1])
    return counted(op.Reshape(rows, [-1]), weights, regions)


@script(own, default_opset=op)
def anchors(rows):
    """Regions of the pixels of an even grid, (A,)."""
    steps = 2 * op.Range(0, GRID, 1) + 1
    down = steps * op.Shape(rows, start=0, end=1) / (2 * GRID)
    across = steps * op.Shape(rows, start=1, end=2) / (2 * GRID)
    return op.Reshape(op.Gather(op.Gather(rows, down, axis=0), across, axis=1), [-1])


@script(own, default_opset=op)
def anchors_at_sides(rows):
    """Regions of pixels evenly along the sides of the picture, (A,)."""
    steps = 2 * op.Range(0, LINE, 1) + 1
    down = steps * op.Shape(rows, start=0, end=1) / (2 * LINE)
    across = steps * op.Shape(rows, start=1, end=2) / (2 * LINE)
    top = op.Gather(op.Gather(rows, 0, axis=0), across)
    bottom = op.Gather(op.Gather(rows, -1, axis=0), across)
    left = op.Gather(op.Gather(rows, 0, axis=1), down)
    right = op.Gather(op.Gather(rows, -1, axis=1), down)
    return op.Concat(top, bottom, left, right, axis=0)


@script(own, default_opset=op)
def rarity(points, ids):
    """How far the nearest anchor is, and how few anchors are near; (R,) each, 0 without anchors.

    Points are (R, K); anchors are given by their regions, -1 for none.
    """
    inside = ids >= 0
    places = op.Gather(op.Pad(points, [0, 0, 1, 0]), ids, axis=0)
    lengths = op.ReduceSum(places * places, [1], keepdims=0)
    product = op.MatMul(points, op.Transpose(places, perm=[1, 0]))
    squared = op.Where(inside, lengths - 2.0 * product, FAR)
    least = op.ReduceMin(squared, [1], keepdims=1)
    apart = points - op.Gather(places, op.ArgMin(squared, axis=1, keepdims=0), axis=0)
    nearest = op.ReduceSum(apart * apart, [1], keepdims=0)
    present = op.Cast(inside, to=FLOAT.dtype)
    number = op.ReduceSum(present)
    likeness = op.Exp((least - squared) * NARROW) * present
    near = op.ReduceSum(likeness, [1], keepdims=0) / op.Max(number, 1.0)
    few = nearest * NARROW - op.Log(op.Max(near, TINY))
    some = op.Min(number, 1.0)
    return op.Log(1.0 + op.Sqrt(nearest)) * some, op.Log(1.0 + op.Relu(few)) * some


@script(own, default_opset=op)
def pooling(side, cells):
    """Means over cells of a line, (c, side), and lines between their middles, (side, c)."""
    cell = op.Range(0, cells, 1)
    first = op.Unsqueeze(cell * side / cells, [1])
    stop = op.Unsqueeze(((cell + 1) * side + cells - 1) / cells, [1])
    place = op.Range(0, side, 1)
    among = op.Cast(op.And(place >= first, place < stop), to=FLOAT.dtype)
    down = among / op.Cast(stop - first, to=FLOAT.dtype)
    share = op.Cast(cells, to=FLOAT.dtype) / op.Cast(side, to=FLOAT.dtype)
    middle = (op.Cast(place, to=FLOAT.dtype) + 0.5) * share - 0.5
    end = op.Cast(cells - 1, to=FLOAT.dtype)
    at = op.Unsqueeze(op.Min(op.Max(middle, 0.0), end), [1])
    up = op.Relu(1.0 - op.Abs(at - op.Cast(cell, to=FLOAT.dtype)))
    return down, up


@script(own, default_opset=op)
def around(points, present, cells):
    """Distance of each pixel's point (K, H, W) to the mean of what is around it; (1, H, W)."""
    height = op.Squeeze(op.Shape(present, start=1, end=2))
    width = op.Squeeze(op.Shape(present, start=2, end=3))
    down, up = pooling(height, cells)
    left, right = pooling(width, cells)
    both = op.Concat(points, present, axis=0)
    means = op.MatMul(op.MatMul(down, both), op.Transpose(left, perm=[1, 0]))
    smooth = op.MatMul(op.MatMul(up, means), op.Transpose(right, perm=[1, 0]))
    weight = op.Max(op.Slice(smooth, [-1], [2147483647], [0]), 1e-6)
    apart = points - op.Slice(smooth, [0], [-1], [0]) / weight
    return op.Log(1.0 + op.Sqrt(op.ReduceSum(apart * apart, [0], keepdims=1))) * present


@script(own, default_opset=op)
def within(points, present, side):
    """Mahalanobis distance of each pixel's point to the points of its window; (1, H, W)."""
    cells = op.Reshape(side, [1])
    size = op.Shape(points, start=0, end=1)
    height = op.Shape(points, start=1, end=2)
    width = op.Shape(points, start=2, end=3)
    high = (height + cells - 1) / cells
    wide = (width + cells - 1) / cells
    all_cells = cells * cells
    both = op.Concat(points, present, axis=0)
    ends = op.Concat([0, 0, 0, 0], cells * high - height, cells * wide - width, axis=0)
    cut = op.Concat([-1], cells, high, cells, wide, axis=0)
    parts = op.Transpose(op.Reshape(op.Pad(both, ends), cut), perm=[1, 3, 0, 2, 4])
    blocks = op.Reshape(parts, op.Concat(all_cells, size + 1, high * wide, axis=0))
    mine = op.Slice(blocks, [0], size, [1])
    # In float64: where a window's own spectra vary little, large numbers nearly cancel.
    exact = op.Cast(blocks, to=DOUBLE.dtype)
    columns = op.Transpose(op.Cast(mine, to=DOUBLE.dtype), perm=[0, 2, 1])
    totals = op.ReduceSum(exact, [2], keepdims=1)
    moments = op.Concat(op.MatMul(exact, columns), totals, axis=2)
    place = op.Range(0, side, 1)
    beside = op.Abs(op.Unsqueeze(place, [1]) - place) < 2
    near = op.Cast(beside, to=DOUBLE.dtype)
    lines = op.MatMul(near, op.Reshape(moments, op.Concat(cells, [-1], axis=0)))
    squares = op.MatMul(near, op.Reshape(lines, op.Concat(cells, cells, [-1], axis=0)))
    sums = op.Reshape(squares, op.Concat(all_cells, size + 1, size + 1, axis=0))
    count = op.Slice(sums, [-1, -1], [2147483647, 2147483647], [1, 2])
    shares = sums / op.Max(count, 1e-9)
    centre = op.Slice(shares, [0, -1], [-1, 2147483647], [1, 2])
    second = op.Slice(shares, [0, 0], [-1, -1], [1, 2])
    covariance = second - op.MatMul(centre, op.Transpose(centre, perm=[0, 2, 1]))
    ones = op.EyeLike(op.Squeeze(op.Slice(covariance, [0], [1], [0]), [0]))
    white = op.Cast(inverse_factors(covariance + SCENE_PART * ones), to=FLOAT.dtype)
    apart = op.MatMul(white, mine - op.Cast(centre, to=FLOAT.dtype))
    distance = op.Log(1.0 + op.Sqrt(op.ReduceSum(apart * apart, [1], keepdims=0)))
    square = op.Reshape(distance, op.Concat(cells, cells, high, wide, axis=0))
    lain = op.Transpose(square, perm=[0, 2, 1, 3])
    joined = op.Reshape(lain, op.Concat([1], cells * high, cells * wide, axis=0))
    return op.Slice(joined, [0, 0], op.Concat(height, width, axis=0), [1, 2]) * present


@script(own, default_opset=op)
def evidence(spectra, region_map):
    """``models.evidence.evidence`` of one image: (R, B) and (H, W) to (1, E, H, W) float32."""
    rows = op.Cast(region_map, to=INT64.dtype)
    flat = op.Reshape(rows, [-1])
    regions = op.Shape(spectra, start=0, end=1)
    area = counted(flat, op.Expand(op.Constant(value_float=1.0), op.Shape(flat)), regions)
    exact = op.Cast(area, to=DOUBLE.dtype)
    weight = exact / op.ReduceSum(exact)
    standard = standardized(spectra, weight)
    many = whitened(standard, weight)
    directions = op.Reshape(FEW, [1])
    few = op.Slice(many, [0], directions, [1])
    along = pixels_at_sides(rows, regions)
    # Where all of them are outside the scene has to stand for them.
    sides = op.Where(op.ReduceSum(along) > 0.0, along, area)
    side_near, side_few = rarity(few, anchors_at_sides(rows))
    scene_near, scene_few = rarity(few, anchors(rows))
    share = op.Log(area / op.ReduceSum(area)) / -5.0
    of_spectra = op.Concat(
        op.Log(1.0 + op.Sqrt(op.ReduceSum(few * few, [1]))),
        op.Log(1.0 + op.Sqrt(op.ReduceSum(many * many, [1]))),
        op.Unsqueeze(op.Log(1.0 + mahalanobis(few, sides)), [1]),
        op.Unsqueeze(side_near, [1]),
        op.Unsqueeze(side_few, [1]),
        op.Unsqueeze(scene_few, [1]),
        op.Unsqueeze(share, [1]),
        axis=1,
    )
    table = op.Pad(op.Concat(of_spectra, few, axis=1), [0, 0, 1, 0])
    spread = op.Transpose(op.Gather(table, rows, axis=0), perm=[2, 0, 1])
    kinds = op.Shape(of_spectra, start=1, end=2)
    points = op.Slice(spread, kinds, kinds + directions, [0])
    present = op.Unsqueeze(op.Cast(rows >= 0, to=FLOAT.dtype), [0])
    found = op.Concat(
        op.Slice(spread, [0], kinds, [0]),
        around(points, present, AROUND_1),
        around(points, present, AROUND_2),
        around(points, present, AROUND_3),
        around(points, present, AROUND_4),
        within(points, present, WITHIN_1),
        within(points, present, WITHIN_2),
        axis=0,
    )
    usual = op.Reshape(op.Constant(value_floats=USUAL_LEVELS), [-1, 1, 1])
    return op.Unsqueeze(2.0 * (found - usual) * present, [0])


@script(own, default_opset=op)
def evidence_dense(cube):
    """Likewise of a cube (1, B, H, W): pixels of one and the same spectrum are a region."""
    flat = op.Transpose(op.Reshape(op.Squeeze(cube, [0]), [0, -1]), perm=[1, 0])
    table, _, which, _ = op.Unique(flat, axis=0, sorted=1)
    return evidence(table, op.Reshape(which, op.Shape(cube, start=2)))


def give_functions(model: onnx.ModelProto) -> None:
    """Give a model all functions of their domain, in place."""
    named = vars(linear_algebra) | globals()
    for function in (value for value in named.values() if isinstance(value, OnnxFunction)):
        found = function.to_function_proto()
        if DOMAIN not in {each.domain for each in found.opset_import}:
            found.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
        model.functions.append(found)
    model.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
