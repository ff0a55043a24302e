/* 3x3 convolutions of stride 1 and padding 1 by Winograd's minimal filtering (Lavin and Gray 2016, arXiv 1509.09308).

   F(4x4, 3x3): a tile of 6x6 inputs gives 4x4 outputs with 36 products a channel pair instead of 144. Its forward pass,
   the gradient of its input (the same, with the filter turned and its channels exchanged) and of its filter (every
   transform transposed). Tiles are taken BLOCK at a time, so that all that lies between the transforms stays in the
   second-level cache. */
#include "gemm.h"

#define BLOCK 24
#define OUT 4
#define IN 6
#define POINTS (IN * IN)
#define AHEAD 3

/* One line more than the tiles need: 36 streams a power of two apart would fall into a few sets of the cache. */
INLINE long stream(long channels) { return BLOCK * channels + 16; }

long winograd_scratch(long inputs, long outputs) { return POINTS * (stream(inputs) + stream(outputs)) + 64; }
long winograd_filter(long inputs, long outputs) { return POINTS * inputs * outputs; }

typedef struct {
    long height, width, down, across, count;
} Tiles;

INLINE Tiles tiles_of(long images, long height, long width) {
    long down = (height + OUT - 1) / OUT, across = (width + OUT - 1) / OUT;
    return (Tiles){height, width, down, across, images * down * across};
}

/* The addresses of a square of pixels whose first is `before` rows and columns before the tile; `outside` beyond. */
INLINE void window(const element *at[], int side, int before, Tiles g, long tile, long channels, const element *x,
                   const element *outside) {
    long across = tile % g.across, down = tile / g.across % g.down, image = tile / (g.across * g.down);
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            long row = down * OUT - before + i, column = across * OUT - before + j;
            int inside = row >= 0 && row < g.height && column >= 0 && column < g.width;
            at[i * side + j] = inside ? x + ((image * g.height + row) * g.width + column) * channels : outside;
        }
}

/* Ask for a square of pixels a few tiles ahead: the processor foresees rows, not squares. */
INLINE void fetch(int side, int before, Tiles g, long tile, long channels, const element *x, int writing) {
    tile += AHEAD;
    if (tile >= g.count) return;
    long column = tile % g.across * OUT, row = tile / g.across % g.down * OUT - before;
    const element *image = x + tile / (g.across * g.down) * g.height * g.width * channels;
    for (long i = row < 0 ? 0 : row; i < row + side && i < g.height; i++)
        for (long c = 0; c < side * channels; c += 64 / (long)sizeof *x) {
            const element *p = image + (i * g.width + column) * channels + c;
            if (writing) __builtin_prefetch(p, 1);
            else __builtin_prefetch(p);
        }
}

INLINE void to_points(const vec d[IN], vec v[IN]) { /* B^T d */
    vec a = d[4] - 4 * d[2], b = d[3] - 4 * d[1], c = d[4] - d[2], e = 2 * (d[3] - d[1]);
    v[0] = 4 * d[0] + (d[4] - 5 * d[2]);
    v[1] = a + b;
    v[2] = a - b;
    v[3] = c + e;
    v[4] = c - e;
    v[5] = 4 * d[1] + (d[5] - 5 * d[3]);
}

INLINE void from_points(const vec m[IN], vec y[OUT]) { /* A^T m */
    vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = b + 2 * d;
    y[2] = a + 4 * c;
    y[3] = b + 8 * d + m[5];
}

INLINE void spread(const vec y[OUT], vec z[IN]) { /* A y */
    vec a = y[0] + y[2], b = y[1] + y[3], c = y[0] + 4 * y[2], d = 2 * y[1] + 8 * y[3];
    z[0] = y[0];
    z[1] = a + b;
    z[2] = a - b;
    z[3] = c + d;
    z[4] = c - d;
    z[5] = y[3];
}

INLINE void filter_to_points(const vec g[3], vec u[IN]) { /* G g */
    vec a = (g[0] + g[2]) * (-1.0f / 6), b = g[1] * (-1.0f / 6);
    vec c = g[0] * (1.0f / 24) + g[2] * (1.0f / 6), d = g[1] * (1.0f / 12);
    u[0] = g[0] * 0.25f;
    u[1] = a + b;
    u[2] = a - b;
    u[3] = c + d;
    u[4] = c - d;
    u[5] = g[2];
}

INLINE void filter_from_points(const vec u[IN], vec g[3]) { /* G^T u */
    vec a = u[1] + u[2], b = u[1] - u[2], c = u[3] + u[4], d = u[3] - u[4];
    g[0] = 0.25f * u[0] - a * (1.0f / 6) + c * (1.0f / 24);
    g[1] = d * (1.0f / 12) - b * (1.0f / 6);
    g[2] = c * (1.0f / 6) - a * (1.0f / 6) + u[5];
}

static void tiles_to_points(Tiles g, long first, long count, long channels, const element *x, const element *outside,
                            float *points) {
    for (long t = 0; t < count; t++) {
        const element *at[POINTS];
        window(at, IN, 1, g, first + t, channels, x, outside);
        fetch(IN, 1, g, first + t, channels, x, 0);
        for (long c = 0; c < channels; c += LANES) {
            vec half[IN][IN];
            for (int i = 0; i < IN; i++) {
                vec d[IN];
                for (int j = 0; j < IN; j++) d[j] = read8(at[i * IN + j] + c);
                to_points(d, half[i]);
            }
            for (int j = 0; j < IN; j++) {
                vec d[IN], v[IN];
                for (int i = 0; i < IN; i++) d[i] = half[i][j];
                to_points(d, v);
                for (int i = 0; i < IN; i++) store(points + (i * IN + j) * stream(channels) + t * channels + c, v[i]);
            }
        }
    }
}

static void tiles_spread(Tiles g, long first, long count, long channels, const element *y, const element *outside,
                         float *points) {
    for (long t = 0; t < count; t++) {
        const element *at[OUT * OUT];
        window(at, OUT, 0, g, first + t, channels, y, outside);
        fetch(OUT, 0, g, first + t, channels, y, 0);
        for (long c = 0; c < channels; c += LANES) {
            vec half[OUT][IN];
            for (int i = 0; i < OUT; i++) {
                vec d[OUT];
                for (int j = 0; j < OUT; j++) d[j] = read8(at[i * OUT + j] + c);
                spread(d, half[i]);
            }
            for (int j = 0; j < IN; j++) {
                vec d[OUT], z[IN];
                for (int i = 0; i < OUT; i++) d[i] = half[i][j];
                spread(d, z);
                for (int i = 0; i < IN; i++) store(points + (i * IN + j) * stream(channels) + t * channels + c, z[i]);
            }
        }
    }
}

/* y = tiles (+ add); sums[2][channels] gathers the sum and the sum of squares of y where it is not null. */
static void tiles_from_points(Tiles g, long first, long count, long channels, const float *points, const element *add,
                              element *y, element *outside, float *sums) {
    for (long t = 0; t < count; t++) {
        const element *at[OUT * OUT];
        window(at, OUT, 0, g, first + t, channels, y, outside);
        fetch(OUT, 0, g, first + t, channels, y, 1);
        for (long c = 0; c < channels; c += LANES) {
            vec half[OUT][IN], sum = all(0), squares = all(0);
            for (int j = 0; j < IN; j++) {
                vec m[IN], r[OUT];
                for (int i = 0; i < IN; i++) m[i] = load(points + (i * IN + j) * stream(channels) + t * channels + c);
                from_points(m, r);
                for (int i = 0; i < OUT; i++) half[i][j] = r[i];
            }
            for (int i = 0; i < OUT; i++) {
                vec r[OUT];
                from_points(half[i], r);
                for (int j = 0; j < OUT; j++) {
                    const element *p = at[i * OUT + j];
                    if (p == outside) continue;
                    vec v = add ? r[j] + read8(add + (p - y) + c) : r[j];
                    write8((element *)p + c, v);
                    sum += v;
                    squares += v * v;
                }
            }
            if (sums) {
                store(sums + c, load(sums + c) + sum);
                store(sums + channels + c, load(sums + channels + c) + squares);
            }
        }
    }
}

/* w[outputs][3][3][inputs] to points[36][panel of outputs][inputs][16]. Turned: the filter of the input's gradient. */
void winograd_prepare(const float *w, long inputs, long outputs, long turned, float *points) {
    long columns = turned ? inputs : outputs, depth = turned ? outputs : inputs, wide = panel(columns);
    for (long k = 0; k < depth; k++)
        for (long j = 0; j < columns; j += LANES) {
            vec half[3][IN];
            for (int r = 0; r < 3; r++) {
                vec g[3];
                for (int s = 0; s < 3; s++) {
                    if (turned) {
                        g[s] = load(w + ((k * 3 + 2 - r) * 3 + 2 - s) * inputs + j);
                    } else {
                        for (int l = 0; l < LANES; l++) g[s][l] = w[(((j + l) * 3 + r) * 3 + s) * inputs + k];
                    }
                }
                filter_to_points(g, half[r]);
            }
            float *to = points + (j / wide * depth + k) * wide + j % wide;
            for (int q = 0; q < IN; q++) {
                vec g[3] = {half[0][q], half[1][q], half[2][q]}, u[IN];
                filter_to_points(g, u);
                for (int p = 0; p < IN; p++) store(to + (p * IN + q) * depth * columns, u[p]);
            }
        }
}

/* y[N, H, W, outputs] = x[N, H, W, inputs] * filter (+ add); `sums` as above, in doubles: set, not added to. */
void winograd_forward(const element *x, const float *filter, const element *add, element *y, double *sums, long images,
                      long height, long width, long inputs, long outputs, float *scratch) {
    Tiles g = tiles_of(images, height, width);
    float *v = scratch, *m = v + POINTS * stream(inputs), part[2 * outputs];
    element outside[inputs > outputs ? inputs : outputs];
    memset(outside, 0, sizeof outside);
    if (sums) memset(sums, 0, 2 * outputs * sizeof *sums);
    for (long first = 0; first < g.count; first += BLOCK) {
        long count = g.count - first < BLOCK ? g.count - first : BLOCK;
        tiles_to_points(g, first, count, inputs, x, outside, v);
        for (int p = 0; p < POINTS; p++)
            product(count, inputs, outputs, v + p * stream(inputs), inputs, filter + p * inputs * outputs,
                    m + p * stream(outputs), outputs);
        memset(part, 0, sizeof part);
        tiles_from_points(g, first, count, outputs, m, add, y, outside, sums ? part : 0);
        if (sums)
            for (long c = 0; c < 2 * outputs; c++) sums[c] += part[c];
    }
}

/* dw[outputs][3][3][inputs] of y = x * w; `points` holds inputs x outputs x 36 floats. */
void winograd_filter_gradient(const element *x, const element *dy, float *dw, long images, long height, long width,
                              long inputs, long outputs, float *points, float *scratch) {
    Tiles g = tiles_of(images, height, width);
    float *v = scratch, *z = v + POINTS * stream(inputs);
    element outside[inputs > outputs ? inputs : outputs];
    memset(outside, 0, sizeof outside);
    memset(points, 0, POINTS * inputs * outputs * sizeof *points);
    for (long first = 0; first < g.count; first += BLOCK) {
        long count = g.count - first < BLOCK ? g.count - first : BLOCK;
        tiles_to_points(g, first, count, inputs, x, outside, v);
        tiles_spread(g, first, count, outputs, dy, outside, z);
        for (int p = 0; p < POINTS; p++)
            outer(count, inputs, outputs, v + p * stream(inputs), inputs, z + p * stream(outputs), outputs,
                  points + p * inputs * outputs);
    }
    for (long c = 0; c < inputs; c++)
        for (long k = 0; k < outputs; k += LANES) {
            vec half[3][IN];
            for (int q = 0; q < IN; q++) {
                vec u[IN], r[3];
                for (int p = 0; p < IN; p++) u[p] = load(points + ((p * IN + q) * inputs + c) * outputs + k);
                filter_from_points(u, r);
                for (int i = 0; i < 3; i++) half[i][q] = r[i];
            }
            for (int i = 0; i < 3; i++) {
                vec r[3];
                filter_from_points(half[i], r);
                for (int j = 0; j < 3; j++)
                    for (int l = 0; l < LANES; l++) dw[(((k + l) * 3 + i) * 3 + j) * inputs + c] = r[j][l];
            }
        }
}
