/* Small matrix products whose operands lie in a core's cache, the inner loops of every convolution here. */
#ifndef GEMM_H
#define GEMM_H

#include "vector.h"

/* Six rows fill twelve accumulators of the sixteen registers of AVX2. */
#define ROWS 6

/* The panel in which `product` expects column j of a matrix with so many columns. */
INLINE long panel(long columns) { return columns % 16 == 0 ? 16 : 8; }

/* c[6][8 n] = a[6][depth] b[depth][8 n]; b is packed, its rows one after the other. */
INLINE void product_rows(int n, long depth, const float *a, long a_row, const float *b, float *c, long c_row) {
    vec sum[ROWS][2];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < n; j++) sum[i][j] = all(0);
    for (long k = 0; k < depth; k++) {
        vec right[2];
        for (int j = 0; j < n; j++) right[j] = load(b + (k * n + j) * LANES);
        for (int i = 0; i < ROWS; i++) {
            vec left = all(a[i * a_row + k]);
            for (int j = 0; j < n; j++) sum[i][j] += left * right[j];
        }
    }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < n; j++) store(c + i * c_row + j * LANES, sum[i][j]);
}

/* c[rows][columns] = a[rows][depth] b[depth][columns], b packed in panels of 16 columns, or of 8 where 16 do not
   divide them. Computes whole groups of six rows: a and c must have room for them. */
INLINE void product(long rows, long depth, long columns, const float *a, long a_row, const float *b, float *c,
                    long c_row) {
    if (columns % 16 == 0) {
        for (long j = 0; j < columns; j += 16)
            for (long i = 0; i < rows; i += ROWS)
                product_rows(2, depth, a + i * a_row, a_row, b + j * depth, c + i * c_row + j, c_row);
    } else {
        for (long j = 0; j < columns; j += 8)
            for (long i = 0; i < rows; i += ROWS)
                product_rows(1, depth, a + i * a_row, a_row, b + j * depth, c + i * c_row + j, c_row);
    }
}

/* c[m][8 n] += a[rows][m]^T b[rows][8 n] */
INLINE void outer_rows(int m, int n, long rows, const float *a, long a_row, const float *b, long b_row, float *c,
                       long c_row) {
    vec sum[ROWS][2];
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) sum[i][j] = load(c + i * c_row + j * LANES);
    for (long k = 0; k < rows; k++) {
        vec right[2];
        for (int j = 0; j < n; j++) right[j] = load(b + k * b_row + j * LANES);
        for (int i = 0; i < m; i++) {
            vec left = all(a[k * a_row + i]);
            for (int j = 0; j < n; j++) sum[i][j] += left * right[j];
        }
    }
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) store(c + i * c_row + j * LANES, sum[i][j]);
}

/* c[depth][columns] += a[rows][depth]^T b[rows][columns]; depth is even, columns a multiple of 8. */
INLINE void outer(long rows, long depth, long columns, const float *a, long a_row, const float *b, long b_row,
                  float *c) {
    long wide = panel(columns);
    for (long j = 0; j < columns; j += wide)
        for (long i = 0, m; i < depth; i += m) {
            long left = depth - i;
            m = left == 4 || left == 8 ? 4 : left >= ROWS ? ROWS : 2;
            const float *at = a + i, *bt = b + j;
            float *to = c + i * columns + j;
            if (wide == 16 && m == ROWS) outer_rows(ROWS, 2, rows, at, a_row, bt, b_row, to, columns);
            else if (wide == 16 && m == 4) outer_rows(4, 2, rows, at, a_row, bt, b_row, to, columns);
            else if (wide == 16) outer_rows(2, 2, rows, at, a_row, bt, b_row, to, columns);
            else if (m == ROWS) outer_rows(ROWS, 1, rows, at, a_row, bt, b_row, to, columns);
            else if (m == 4) outer_rows(4, 1, rows, at, a_row, bt, b_row, to, columns);
            else outer_rows(2, 1, rows, at, a_row, bt, b_row, to, columns);
        }
}

#endif
