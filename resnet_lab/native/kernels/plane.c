/* What else a residual network does to [N, H, W, channels]: activation, sums, option A's shortcut, global pooling. */
#include "vector.h"

/* out = relu(x) */
void relu_apply(const element *x, element *out, long count) {
    for (long i = 0; i < count; i += LANES) write8(out + i, relu(read8(x + i)));
}

/* dx = dout where out is positive (+ add) */
void relu_backward(const element *dout, const element *out, const element *add, element *dx, long count) {
    for (long i = 0; i < count; i += LANES) {
        vec v = keep_where_positive(read8(dout + i), read8(out + i));
        write8(dx + i, add ? v + read8(add + i) : v);
    }
}

/* out = a + b */
void add_apply(const element *a, const element *b, element *out, long count) {
    for (long i = 0; i < count; i += LANES) write8(out + i, read8(a + i) + read8(b + i));
}

/* shape: images, height, width, inputs, outputs, stride, channels of zeros before the inputs */
void zero_pad_apply(const element *x, element *out, const int64_t *shape) {
    long images = shape[0], height = shape[1], width = shape[2], inputs = shape[3], outputs = shape[4];
    long stride = shape[5], low = shape[6];
    for (long n = 0; n < images; n++)
        for (long i = 0; i < height; i += stride)
            for (long j = 0; j < width; j += stride, out += outputs) {
                memset(out, 0, outputs * sizeof *out);
                memcpy(out + low, x + ((n * height + i) * width + j) * inputs, inputs * sizeof *out);
            }
}

/* dx += the gradient of x */
void zero_pad_backward(const element *dout, element *dx, const int64_t *shape) {
    long images = shape[0], height = shape[1], width = shape[2], inputs = shape[3], outputs = shape[4];
    long stride = shape[5], low = shape[6];
    for (long n = 0; n < images; n++)
        for (long i = 0; i < height; i += stride)
            for (long j = 0; j < width; j += stride, dout += outputs) {
                element *to = dx + ((n * height + i) * width + j) * inputs;
                for (long c = 0; c < inputs; c += LANES) write8(to + c, read8(to + c) + read8(dout + low + c));
            }
}

/* out[images][channels], float32 = the mean over the plane */
void pool_apply(const element *x, float *out, long images, long plane, long channels) {
    for (long n = 0; n < images; n++)
        for (long c = 0; c < channels; c += LANES) {
            vec sum = all(0);
            for (long i = 0; i < plane; i++) sum += read8(x + (n * plane + i) * channels + c);
            store(out + n * channels + c, sum / (float)plane);
        }
}

void pool_backward(const float *dout, element *dx, long images, long plane, long channels) {
    for (long n = 0; n < images; n++)
        for (long c = 0; c < channels; c += LANES) {
            vec v = load(dout + n * channels + c) / (float)plane;
            for (long i = 0; i < plane; i++) write8(dx + (n * plane + i) * channels + c, v);
        }
}

void clear(element *x, long count) { memset(x, 0, count * sizeof *x); }
