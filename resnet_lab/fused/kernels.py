"""Triton kernels of batch norm, activation and addition, over [rows, channels]: pixels of an image in channels_last.

Two forward: `moments` takes means and squared deviations of parts of the rows, `normalise` joins them and writes the
output. Two back: `sums` takes the sums that the gradient of a norm needs, of parts of the rows, `gradients` joins them
and writes the input's gradient. All arithmetic is float32. This module imports Triton, which comes with torch's CUDA
build: it is imported only where the kernels are used.
"""

# mypy: ignore-errors
# ruff: noqa: N803  # Triton's language: arguments are pointers, constants in capitals

import triton
import triton.language as tl


@triton.jit
def activation(z, KIND: tl.constexpr, slope):
    """Return the activation of z; see `function.ACTIVATIONS` for the kinds."""
    if KIND == "relu":
        return tl.maximum(z, 0.0)
    elif KIND == "leaky_relu":  # noqa: RET505  # Triton compiles branches of constants only as if-else
        return tl.where(z > 0, z, z * slope)
    elif KIND == "elu":
        return tl.where(z > 0, z, slope * (tl.exp(tl.minimum(z, 0.0)) - 1))
    elif KIND == "gelu":
        return 0.5 * z * (1 + tl.erf(z * 0.7071067811865476))
    elif KIND == "silu":
        return z / (1 + tl.exp(-z))
    else:
        return z


@triton.jit
def slope_at(z, KIND: tl.constexpr, slope):
    """Return the derivative of the activation at z."""
    if KIND == "relu":
        return tl.where(z > 0, 1.0, 0.0)
    elif KIND == "leaky_relu":  # noqa: RET505  # as above
        return tl.where(z > 0, 1.0, slope)
    elif KIND == "elu":
        return tl.where(z > 0, 1.0, slope * tl.exp(tl.minimum(z, 0.0)))
    elif KIND == "gelu":
        density = tl.exp(-0.5 * z * z) * 0.3989422804014327
        return 0.5 * (1 + tl.erf(z * 0.7071067811865476)) + z * density
    elif KIND == "silu":
        share = 1 / (1 + tl.exp(-z))
        return share * (1 + z * (1 - share))
    else:
        return tl.full(z.shape, 1.0, tl.float32)


@triton.jit
def moments(
    x, added, total, means, deviations, rows, channels, steps,
    FIRST: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Write the means and the summed squared deviations of one part of the rows, float32 [parts, channels].

    With FIRST it is x + added, rounded as x is, which is written to `total`.
    """
    part, parts = tl.program_id(0), tl.num_programs(0)
    column = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    count = tl.zeros([CHANNELS], tl.float32)
    mean = tl.zeros([CHANNELS], tl.float32)
    deviation = tl.zeros([CHANNELS], tl.float32)
    for step in range(steps):
        row = (part + step * parts) * ROWS + tl.arange(0, ROWS)
        here = (row < rows)[:, None] & (column < channels)[None, :]
        at = row[:, None].to(tl.int64) * channels + column[None, :]
        value = tl.load(x + at, mask=here, other=0.0)
        if FIRST:
            value = (value.to(tl.float32) + tl.load(added + at, mask=here, other=0.0).to(tl.float32)).to(value.dtype)
            tl.store(total + at, value, mask=here)
        value = value.to(tl.float32)
        new = tl.sum(here.to(tl.float32), 0)
        some = tl.maximum(new, 1.0)
        centre = tl.sum(value, 0) / some
        away = tl.where(here, value - centre[None, :], 0.0)
        both = tl.maximum(count + new, 1.0)
        shift = centre - mean
        deviation += tl.sum(away * away, 0) + shift * shift * count * new / both
        mean += shift * new / both
        count += new
    tl.store(means + part * channels + column, mean, mask=column < channels)
    tl.store(deviations + part * channels + column, deviation, mask=column < channels)


@triton.jit
def rows_of_part(part, parts, rows, steps, ROWS: tl.constexpr):
    """Return how many rows a part has: every `parts`-th tile of ROWS, `steps` times, up to the last row."""
    last = part + (steps - 1) * parts
    short = tl.maximum((last + 1) * ROWS - rows, 0)
    return (steps * ROWS - tl.minimum(short, ROWS)).to(tl.float32)


@triton.jit
def normalise(
    x, added, out, weight, bias, means, deviations, mean_out, scale_out, running_mean, running_var,
    rows, channels, parts, part_steps, steps, eps, momentum, slope,
    KIND: tl.constexpr, ADD: tl.constexpr, PARTS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
    PART_ROWS: tl.constexpr,
):  # fmt: skip
    """Write act(norm(x) + added), act(norm(x)) + added or act(norm(x)), as ADD is "before", "after" or ""."""
    program, programs = tl.program_id(0), tl.num_programs(0)
    column = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    inside = column < channels
    part = tl.arange(0, PARTS)
    known = (part < parts)[:, None] & inside[None, :]
    of_parts = part[:, None] * channels + column[None, :]
    count = tl.where(part < parts, rows_of_part(part, parts, rows, part_steps, PART_ROWS), 0.0)[:, None]
    part_mean = tl.load(means + of_parts, mask=known, other=0.0)
    mean = tl.sum(part_mean * count, 0) / rows
    away = tl.where(known, part_mean - mean[None, :], 0.0)
    deviation = tl.sum(tl.load(deviations + of_parts, mask=known, other=0.0) + away * away * count, 0)
    scale = 1 / tl.sqrt(deviation / rows + eps)
    if program == 0:
        tl.store(mean_out + column, mean, mask=inside)
        tl.store(scale_out + column, scale, mask=inside)
        old = tl.load(running_mean + column, mask=inside, other=0.0)
        tl.store(running_mean + column, old + momentum * (mean - old), mask=inside)
        old = tl.load(running_var + column, mask=inside, other=0.0)
        tl.store(running_var + column, old + momentum * (deviation / (rows - 1) - old), mask=inside)
    factor = tl.load(weight + column, mask=inside, other=0.0) * scale
    offset = tl.load(bias + column, mask=inside, other=0.0)
    for step in range(steps):
        row = (program + step * programs) * ROWS + tl.arange(0, ROWS)
        here = (row < rows)[:, None] & inside[None, :]
        at = row[:, None].to(tl.int64) * channels + column[None, :]
        z = (tl.load(x + at, mask=here, other=0.0).to(tl.float32) - mean[None, :]) * factor[None, :] + offset[None, :]
        if ADD == "before":
            z += tl.load(added + at, mask=here, other=0.0).to(tl.float32)
        z = activation(z, KIND, slope)
        if ADD == "after":
            z += tl.load(added + at, mask=here, other=0.0).to(tl.float32)
        tl.store(out + at, z.to(out.dtype.element_ty), mask=here)


@triton.jit
def norm_gradient(
    x, added, gradient, at, here, mean, scale, factor, offset, slope, KIND: tl.constexpr, ADD: tl.constexpr
):  # fmt: skip
    """Return the normalised x and the gradient of the norm's output, of the elements `at`."""
    normal = (tl.load(x + at, mask=here, other=0.0).to(tl.float32) - mean) * scale
    g = tl.load(gradient + at, mask=here, other=0.0).to(tl.float32)
    if KIND != "":
        z = normal * factor + offset
        if ADD == "before":
            z += tl.load(added + at, mask=here, other=0.0).to(tl.float32)
        g *= slope_at(z, KIND, slope)
    return normal, g


@triton.jit
def sums(
    x, added, gradient, weight, bias, mean_in, scale_in, plain, scaled, rows, channels, steps, slope,
    KIND: tl.constexpr, ADD: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Write, of one part of the rows, the sums of the norm's gradient and of it times the normalised x."""
    part, parts = tl.program_id(0), tl.num_programs(0)
    column = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    inside = column < channels
    mean = tl.load(mean_in + column, mask=inside, other=0.0)[None, :]
    scale = tl.load(scale_in + column, mask=inside, other=0.0)[None, :]
    factor = tl.load(weight + column, mask=inside, other=0.0)[None, :]
    offset = tl.load(bias + column, mask=inside, other=0.0)[None, :]
    first = tl.zeros([CHANNELS], tl.float32)
    second = tl.zeros([CHANNELS], tl.float32)
    for step in range(steps):
        row = (part + step * parts) * ROWS + tl.arange(0, ROWS)
        here = (row < rows)[:, None] & inside[None, :]
        at = row[:, None].to(tl.int64) * channels + column[None, :]
        normal, g = norm_gradient(x, added, gradient, at, here, mean, scale, factor, offset, slope, KIND, ADD)
        first += tl.sum(g, 0)
        second += tl.sum(g * normal, 0)
    tl.store(plain + part * channels + column, first, mask=inside)
    tl.store(scaled + part * channels + column, second, mask=inside)


@triton.jit
def gradients(
    x, added, gradient, weight, bias, mean_in, scale_in, plain, scaled,
    out, added_out, weight_out, bias_out, rows, channels, parts, steps, slope,
    KIND: tl.constexpr, ADD: tl.constexpr, PARTS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Write the gradients of x, weight and bias, and of what was added before an activation."""
    program, programs = tl.program_id(0), tl.num_programs(0)
    column = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    inside = column < channels
    part = tl.arange(0, PARTS)
    known = (part < parts)[:, None] & inside[None, :]
    of_parts = part[:, None] * channels + column[None, :]
    first = tl.sum(tl.load(plain + of_parts, mask=known, other=0.0), 0)
    second = tl.sum(tl.load(scaled + of_parts, mask=known, other=0.0), 0)
    if program == 0:
        tl.store(bias_out + column, first, mask=inside)
        tl.store(weight_out + column, second, mask=inside)
    first, second = (first / rows)[None, :], (second / rows)[None, :]
    mean = tl.load(mean_in + column, mask=inside, other=0.0)[None, :]
    scale = tl.load(scale_in + column, mask=inside, other=0.0)[None, :]
    factor = tl.load(weight + column, mask=inside, other=0.0)[None, :]
    offset = tl.load(bias + column, mask=inside, other=0.0)[None, :]
    for step in range(steps):
        row = (program + step * programs) * ROWS + tl.arange(0, ROWS)
        here = (row < rows)[:, None] & inside[None, :]
        at = row[:, None].to(tl.int64) * channels + column[None, :]
        normal, g = norm_gradient(x, added, gradient, at, here, mean, scale, factor, offset, slope, KIND, ADD)
        if KIND != "" and ADD == "before":
            tl.store(added_out + at, g.to(added_out.dtype.element_ty), mask=here)
        g = factor * scale * (g - first - normal * second)
        tl.store(out + at, g.to(out.dtype.element_ty), mask=here)
