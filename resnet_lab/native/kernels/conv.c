/* Any convolution as a matrix product over patches of its input, a few output pixels at a time; the filter is
   w[outputs][kernel][kernel][inputs]. Serves what winograd.c does not: strides, 1x1, the first layer, tiny images. */
#include "gemm.h"

#define PIXELS 48

typedef struct {
    int64_t images, height, width, inputs, outputs, kernel, stride, padding, out_height, out_width;
} Shape;

INLINE long patch(const Shape *s) { return s->kernel * s->kernel * s->inputs; }
INLINE long patch_row(const Shape *s) { return (patch(s) + LANES - 1) / LANES * LANES; }
INLINE long pixels_of(const Shape *s) { return s->images * s->out_height * s->out_width; }

long conv_filter(const Shape *s) { return patch_row(s) * s->outputs; }
long conv_scratch(const Shape *s) { return PIXELS * (patch_row(s) + s->outputs) + patch_row(s) * s->outputs + 64; }

/* The first pixel of row i of the kernel over output pixel p, and which columns of it lie in the image. */
typedef struct {
    long pixel, from, to;
} Row;

INLINE Row row_of(const Shape *s, long p, long i) {
    long column = p % s->out_width * s->stride - s->padding;
    long row = p / s->out_width % s->out_height * s->stride - s->padding + i;
    long image = p / (s->out_width * s->out_height);
    if (row < 0 || row >= s->height) return (Row){0, 0, 0};
    long from = column < 0 ? -column : 0, to = s->width - column < s->kernel ? s->width - column : s->kernel;
    return (Row){(image * s->height + row) * s->width + column, from, to};
}

INLINE void widen(float *to, const element *from, long n) {
    long i = 0;
    for (; i + LANES <= n; i += LANES) store(to + i, read8(from + i));
    for (; i < n; i++) to[i] = read1(from[i]);
}

static void gather(const Shape *s, const element *x, long first, long count, float *patches) {
    long line = s->kernel * s->inputs;
    for (long p = 0; p < count; p++)
        for (long i = 0; i < s->kernel; i++) {
            Row r = row_of(s, first + p, i);
            float *to = patches + p * patch_row(s) + i * line;
            if (r.to - r.from < s->kernel) memset(to, 0, line * sizeof *to);
            if (r.to > r.from)
                widen(to + r.from * s->inputs, x + (r.pixel + r.from) * s->inputs, (r.to - r.from) * s->inputs);
        }
}

/* The filter in panels for `conv_forward`, or turned, for `conv_input_gradient`, whose patches are a multiple of 8. */
void conv_prepare(const float *w, const Shape *s, long turned, float *packed) {
    long columns = turned ? patch(s) : s->outputs, depth = turned ? s->outputs : patch(s), wide = panel(columns);
    for (long j = 0; j < columns; j += wide)
        for (long k = 0; k < depth; k++)
            for (long l = 0; l < wide; l++)
                packed[(j * depth) + k * wide + l] = turned ? w[k * columns + j + l] : w[(j + l) * depth + k];
}

/* y[N, h, w, outputs] = x[N, H, W, inputs] * filter (+ add) */
void conv_forward(const element *x, const float *packed, const element *add, element *y, const Shape *s,
                  float *scratch) {
    float *patches = scratch, *out = patches + PIXELS * patch_row(s);
    for (long first = 0; first < pixels_of(s); first += PIXELS) {
        long count = pixels_of(s) - first < PIXELS ? pixels_of(s) - first : PIXELS;
        gather(s, x, first, count, patches);
        product(count, patch(s), s->outputs, patches, patch_row(s), packed, out, s->outputs);
        for (long i = 0; i < count * s->outputs; i += LANES) {
            long at = first * s->outputs + i;
            write8(y + at, add ? load(out + i) + read8(add + at) : load(out + i));
        }
    }
}

/* dx += the gradient of x */
void conv_input_gradient(const element *dy, const float *packed, element *dx, const Shape *s, float *scratch) {
    float *patches = scratch, *right = patches + PIXELS * patch_row(s);
    long line = s->kernel * s->inputs;
    for (long first = 0; first < pixels_of(s); first += PIXELS) {
        long count = pixels_of(s) - first < PIXELS ? pixels_of(s) - first : PIXELS;
        widen(right, dy + first * s->outputs, count * s->outputs);
        product(count, s->outputs, patch(s), right, s->outputs, packed, patches, patch_row(s));
        for (long p = 0; p < count; p++)
            for (long i = 0; i < s->kernel; i++) {
                Row r = row_of(s, first + p, i);
                const float *from = patches + p * patch_row(s) + i * line;
                element *to = dx + r.pixel * s->inputs;
                for (long c = r.from * s->inputs; c < r.to * s->inputs; c += LANES)
                    write8(to + c, read8(to + c) + load(from + c));
            }
    }
}

/* dw[outputs][kernel][kernel][inputs] */
void conv_filter_gradient(const element *x, const element *dy, float *dw, const Shape *s, float *scratch) {
    float *patches = scratch, *right = patches + PIXELS * patch_row(s), *sum = right + PIXELS * s->outputs;
    memset(patches, 0, PIXELS * patch_row(s) * sizeof *patches);
    memset(sum, 0, s->outputs * patch_row(s) * sizeof *sum);
    for (long first = 0; first < pixels_of(s); first += PIXELS) {
        long count = pixels_of(s) - first < PIXELS ? pixels_of(s) - first : PIXELS;
        gather(s, x, first, count, patches);
        widen(right, dy + first * s->outputs, count * s->outputs);
        outer(count, s->outputs, patch_row(s), right, s->outputs, patches, patch_row(s), sum);
    }
    for (long k = 0; k < s->outputs; k++) memcpy(dw + k * patch(s), sum + k * patch_row(s), patch(s) * sizeof *dw);
}
