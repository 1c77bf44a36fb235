// Batch normalisation in training, forward and backward, of channels x[K][L] whose samples lie in one
// run of memory each; L is a multiple of LANES. Sums run over one channel alone, in blocks whose
// totals are doubles: long sums stay exact, and bits do not depend on what else is normalised.

#include "vectors.h"

#include <cmath>

namespace {

constexpr long PARTS = 4; // sums that run side by side; one alone would wait for each addition
constexpr long BLOCK = 64 * PARTS * LANES;

// The sum of term(i) and all its lanes, over i = 0, LANES, ... below length.
template <class Term> inline double sum_of(long length, Term term) {
    double all = 0;
    for (long first = 0; first < length; first += BLOCK) {
        long end = first + BLOCK < length ? first + BLOCK : length, i = first;
        Floats part[PARTS] = {};
        for (; i + PARTS * LANES <= end; i += PARTS * LANES)
            for (long p = 0; p < PARTS; p++) part[p] += term(i + p * LANES);
        for (; i < end; i += LANES) part[0] += term(i);
        for (long p = 1; p < PARTS; p++) part[0] += part[p];
        all += sum(part[0]);
    }
    return all;
}

} // namespace

extern "C" {

extern const long lanes = LANES;

// y = (x - mean) / sqrt(var + epsilon) w + b, with the mean and the biased variance of each channel.
void forward(const float *x, const float *w, const float *b, float *y, float *mean, float *var,
             long channels, long length, float epsilon) {
    for (long k = 0; k < channels; k++, x += length, y += length) {
        float m = sum_of(length, [&](long i) { return load(x + i); }) / length;
        float v = sum_of(length, [&](long i) {
                      Floats apart = load(x + i) - m;
                      return apart * apart;
                  }) / length;
        float scale = w[k] / std::sqrt(v + epsilon);
        for (long i = 0; i < length; i += LANES) store(y + i, (load(x + i) - m) * scale + b[k]);
        mean[k] = m, var[k] = v;
    }
}

void backward(const float *x, const float *w, const float *mean, const float *var, const float *g,
              float *dx, float *dw, float *db, long channels, long length, float epsilon) {
    for (long k = 0; k < channels; k++, x += length, g += length, dx += length) {
        float m = mean[k], inverse = 1 / std::sqrt(var[k] + epsilon);
        double of_shift = sum_of(length, [&](long i) { return load(g + i); });
        double of_scale = inverse * sum_of(length, [&](long i) {
                              return load(g + i) * (load(x + i) - m);
                          });
        float shift = of_shift / length, slope = of_scale / length * inverse;
        for (long i = 0; i < length; i += LANES)
            store(dx + i, (load(g + i) - shift - (load(x + i) - m) * slope) * (w[k] * inverse));
        dw[k] = of_scale, db[k] = of_shift;
    }
}
}
