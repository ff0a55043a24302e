/* Eight floats at a time in the compilers' own vector extension: AVX2, AVX-512 and NEON from one source.

   `element` is how activations and their gradients lie in memory, [N, H, W, C]: float, or bf16 with -DBF16.
   All arithmetic is float32. */
#ifndef VECTOR_H
#define VECTOR_H

#include <stdint.h>
#include <string.h>

#define LANES 8
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(32)));
typedef float vec_anywhere __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint32_t bits __attribute__((vector_size(32)));

INLINE vec load(const float *p) { return *(const vec_anywhere *)p; }
INLINE void store(float *p, vec v) { *(vec_anywhere *)p = v; }
INLINE vec all(float x) { return (vec){x, x, x, x, x, x, x, x}; }

/* Not a maximum: what is not a number stays so, and the trial is seen to have diverged. */
INLINE vec relu(vec v) { return (vec)((bits)v & ~(bits)(v < 0)); }
INLINE vec keep_where_positive(vec v, vec sign) { return (vec)((bits)v & (bits)(sign > 0)); }

#ifdef BF16
typedef uint16_t element;
typedef uint16_t halves __attribute__((vector_size(16)));
typedef uint16_t halves_anywhere __attribute__((vector_size(16), aligned(2), may_alias));

INLINE vec read8(const element *p) {
    return (vec)(__builtin_convertvector(*(const halves_anywhere *)p, bits) << 16);
}
/* To the nearest bf16, ties to even, as torch rounds. */
INLINE void write8(element *p, vec v) {
    bits b = (bits)v;
    b += 0x7fff + ((b >> 16) & 1);
    *(halves_anywhere *)p = __builtin_convertvector(b >> 16, halves);
}
INLINE float read1(element e) {
    uint32_t b = (uint32_t)e << 16;
    float f;
    memcpy(&f, &b, 4);
    return f;
}
#else
typedef float element;
INLINE vec read8(const element *p) { return load(p); }
INLINE void write8(element *p, vec v) { store(p, v); }
INLINE float read1(element e) { return e; }
#endif

#endif
