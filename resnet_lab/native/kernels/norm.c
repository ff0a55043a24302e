/* Batch norm over [count, channels] with what stands beside it in a block: out = act(norm(y) + pre) + post.

   One pass forward where the convolution has left the sums, two backward. Sums are gathered in float32 over RUN pixels,
   then in double. channels is a multiple of 8. */
#include <math.h>

#include "vector.h"

#define RUN 64

/* sums[0][c] = sum of y, sums[1][c] = sum of y squared */
void channel_sums(const element *y, double *sums, long count, long channels) {
    memset(sums, 0, 2 * channels * sizeof *sums);
    for (long first = 0; first < count; first += RUN) {
        long end = first + RUN < count ? first + RUN : count;
        for (long c = 0; c < channels; c += LANES) {
            vec sum = all(0), squares = all(0);
            for (long i = first; i < end; i++) {
                vec v = read8(y + i * channels + c);
                sum += v;
                squares += v * v;
            }
            for (int l = 0; l < LANES; l++) {
                sums[c + l] += sum[l];
                sums[channels + c + l] += squares[l];
            }
        }
    }
}

/* From the sums to y * scale + shift; state[4][channels]: scale, shift, mean, 1 / sd. In training the running
   statistics move as in torch: the variance they see is the unbiased one. */
void norm_begin(const double *sums, const float *weight, const float *bias, float *running_mean, float *running_var,
                int64_t *tracked, float *state, long count, long channels, double momentum, double eps, long training) {
    if (training) *tracked += 1;
    for (long c = 0; c < channels; c++) {
        double mean = running_mean[c], variance = running_var[c];
        if (training) {
            mean = sums[c] / count;
            variance = sums[channels + c] / count - mean * mean;
            variance = variance < 0 ? 0 : variance;
            double unbiased = variance * count / (count - 1);
            running_mean[c] += (float)(momentum * (mean - running_mean[c]));
            running_var[c] += (float)(momentum * (unbiased - running_var[c]));
        }
        double inverse = 1 / sqrt(variance + eps);
        state[c] = (float)(weight[c] * inverse);
        state[channels + c] = (float)(bias[c] - mean * weight[c] * inverse);
        state[2 * channels + c] = (float)mean;
        state[3 * channels + c] = (float)inverse;
    }
}

INLINE void apply(const element *y, const element *pre, const element *post, element *out, const float *state,
                  long count, long channels, long act) {
    for (long i = 0; i < count * channels; i += channels)
        for (long c = 0; c < channels; c += LANES) {
            vec v = read8(y + i + c) * load(state + c) + load(state + channels + c);
            if (pre) v += read8(pre + i + c);
            if (act) v = relu(v);
            if (post) v += read8(post + i + c);
            write8(out + i + c, v);
        }
}

void norm_apply(const element *y, const element *pre, const element *post, element *out, const float *state, long count,
                long channels, long act) {
    if (pre && act) apply(y, pre, 0, out, state, count, channels, 1);
    else if (pre) apply(y, pre, 0, out, state, count, channels, 0);
    else if (post && act) apply(y, 0, post, out, state, count, channels, 1);
    else if (post) apply(y, 0, post, out, state, count, channels, 0);
    else if (act) apply(y, 0, 0, out, state, count, channels, 1);
    else apply(y, 0, 0, out, state, count, channels, 0);
}

/* The gradient behind the activation. With `pre` it is 0 where `out` is, else where norm(y) is not positive. */
INLINE vec behind(vec g, const element *y, const element *out, vec scale, vec shift, long act) {
    if (!act) return g;
    return keep_where_positive(g, out ? read8(out) : read8(y) * scale + shift);
}

INLINE void gradient_sums(const element *dout, element *kept, const element *y, const element *out, const float *state,
                          double *sums, long count, long channels, long act) {
    memset(sums, 0, 2 * channels * sizeof *sums);
    for (long first = 0; first < count; first += RUN) {
        long end = first + RUN < count ? first + RUN : count;
        for (long c = 0; c < channels; c += LANES) {
            vec scale = load(state + c), shift = load(state + channels + c), mean = load(state + 2 * channels + c);
            vec sum = all(0), product = all(0);
            for (long i = first; i < end; i++) {
                long at = i * channels + c;
                vec g = behind(read8(dout + at), y + at, out ? out + at : 0, scale, shift, act);
                if (kept) write8(kept + at, g);
                sum += g;
                product += g * (read8(y + at) - mean);
            }
            for (int l = 0; l < LANES; l++) {
                sums[c + l] += sum[l];
                sums[channels + c + l] += product[l];
            }
        }
    }
}

INLINE void gradient(const element *dout, const element *y, const element *out, const element *add, element *dy,
                     const float *state, const double *sums, long count, long channels, long act) {
    float slope[channels], offset[channels];
    for (long c = 0; c < channels; c++) {
        double scale = state[c], mean = state[2 * channels + c], inverse = state[3 * channels + c];
        double by_y = -scale * inverse * inverse * sums[channels + c] / count;
        slope[c] = (float)by_y;
        offset[c] = (float)(-scale * sums[c] / count - by_y * mean);
    }
    for (long i = 0; i < count * channels; i += channels)
        for (long c = 0; c < channels; c += LANES) {
            vec scale = load(state + c), shift = load(state + channels + c);
            vec g = behind(read8(dout + i + c), y + i + c, out ? out + i + c : 0, scale, shift, act);
            vec v = g * scale + read8(y + i + c) * load(slope + c) + load(offset + c);
            if (add) v += read8(add + i + c);
            write8(dy + i + c, v);
        }
}

/* dy (+ add) and the gradients of weight and bias. `kept`, where not null, receives the gradient behind the
   activation, which is that of `pre`; it may be dout itself, dy may be y, and add may be dy. */
void norm_backward(const element *dout, element *kept, const element *y, const element *out, const element *add,
                   element *dy, const float *state, double *sums, float *dweight, float *dbias, long count,
                   long channels, long act) {
    if (act && out) gradient_sums(dout, kept, y, out, state, sums, count, channels, 1);
    else if (act) gradient_sums(dout, kept, y, 0, state, sums, count, channels, 1);
    else gradient_sums(dout, kept == dout ? 0 : kept, y, 0, state, sums, count, channels, 0);
    for (long c = 0; c < channels; c++) {
        dbias[c] = (float)sums[c];
        dweight[c] = (float)(sums[channels + c] * state[3 * channels + c]);
    }
    const element *g = kept ? kept : dout;
    int rest = kept ? 0 : act;
    if (rest && add) gradient(g, y, 0, add, dy, state, sums, count, channels, 1);
    else if (rest) gradient(g, y, 0, 0, dy, state, sums, count, channels, 1);
    else if (add) gradient(g, y, 0, add, dy, state, sums, count, channels, 0);
    else gradient(g, y, 0, 0, dy, state, sums, count, channels, 0);
}
