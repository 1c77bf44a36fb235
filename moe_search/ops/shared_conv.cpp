// Convolution (valid, stride 1) of an image of few channels, the same for all networks: forward, and
// backward for weights and biases. INPUTS and KERNEL are given when this is compiled, so that what is
// summed stays in registers.
//
// Layouts, samples innermost and a multiple of LANES: image x[I][H][W][B], weight w[N][I][K][K],
// bias b[N] or null, results y[N][R][S][B]. N are the channels of all networks.
//
// A pixel is loaded once for the TILE columns that it meets. Sums run over one channel alone, so its
// bits do not depend on how many others there are.

#include "slab.h"

#include <type_traits>

namespace {

constexpr int K = KERNEL, WEIGHTS = INPUTS * K * K;
constexpr int TILE = 4; // sums side by side, lest each addition wait for the one before

// Calls meet(weight, column, pixel) for all that the results of T columns are made of.
template <int T, class Meet>
inline void for_each_pixel(const float *patch, long width, Meet meet) {
#pragma GCC unroll 8
    for (int input = 0; input < INPUTS; input++)
#pragma GCC unroll 8
        for (int i = 0; i < K; i++)
#pragma GCC unroll 16
            for (int at = 0; at < T + K - 1; at++) {
                Floats pixel = load(patch + ((input * K + i) * width + at) * CHUNK);
#pragma GCC unroll 8
                for (int j = 0; j < K; j++)
                    if (at >= j && at - j < T) meet((input * K + i) * K + j, at - j, pixel);
            }
}

// Calls visit(tile, column) for tiles of TILE columns, and of one where fewer are left.
template <class Visit> inline void for_each_tile(long columns, Visit visit) {
    long column = 0;
    for (; column + TILE <= columns; column += TILE)
        visit(std::integral_constant<int, TILE>{}, column);
    for (; column < columns; column++) visit(std::integral_constant<int, 1>{}, column);
}

} // namespace

extern "C" {

extern const long lanes = LANES, slab_rows = INPUTS * K, slab_samples = CHUNK;

void forward(const float *x, const float *w, const float *b, float *slab, float *y, long height,
             long width, long samples, long channels) {
    long rows = height - K + 1, columns = width - K + 1;
    for (long row = 0; row < rows; row++)
        for_each_chunk<K>(x, slab, height, width, samples, row, [&](long first, long count) {
            for (long n = 0; n < channels; n++) {
                float *to = y + (n * rows + row) * columns * samples + first;
                Floats weight[WEIGHTS], bias = (b ? b[n] : 0) - Floats{};
                for (int k = 0; k < WEIGHTS; k++) weight[k] = w[n * WEIGHTS + k] - Floats{};
                for (long run = 0; run < count; run += LANES)
                    for_each_tile(columns, [&](auto tile, long column) {
                        constexpr int T = decltype(tile)::value;
                        Floats sum[T];
                        for (int t = 0; t < T; t++) sum[t] = bias;
                        for_each_pixel<T>(slab + column * CHUNK + run, width, [&](int k, int t, Floats x) {
                            sum[t] += weight[k] * x;
                        });
                        for (int t = 0; t < T; t++)
                            store(to + (column + t) * samples + run, sum[t]);
                    });
            }
        });
}

// Working space, zeros at the start: sums[N][I*K*K + 1][LANES], the gradients lane by lane.
void backward(const float *x, const float *g, float *slab, float *sums, float *dw, float *db,
              long height, long width, long samples, long channels) {
    long rows = height - K + 1, columns = width - K + 1;
    auto total_of = reinterpret_cast<Floats(*)[WEIGHTS + 1]>(sums);
    for (long row = 0; row < rows; row++)
        for_each_chunk<K>(x, slab, height, width, samples, row, [&](long first, long count) {
            for (long n = 0; n < channels; n++) {
                const float *from = g + (n * rows + row) * columns * samples + first;
                Floats total[WEIGHTS + 1];
                for (int k = 0; k <= WEIGHTS; k++) total[k] = total_of[n][k];
                for (long run = 0; run < count; run += LANES)
                    for_each_tile(columns, [&](auto tile, long column) {
                        constexpr int T = decltype(tile)::value;
                        Floats gradient[T];
                        for (int t = 0; t < T; t++) {
                            gradient[t] = load(from + (column + t) * samples + run);
                            total[WEIGHTS] += gradient[t];
                        }
                        for_each_pixel<T>(slab + column * CHUNK + run, width, [&](int k, int t, Floats x) {
                            total[k] += gradient[t] * x;
                        });
                    });
                for (int k = 0; k <= WEIGHTS; k++) total_of[n][k] = total[k];
            }
        });
    for (long n = 0; n < channels; n++) {
        for (int k = 0; k < WEIGHTS; k++) dw[n * WEIGHTS + k] = sum(total_of[n][k]);
        db[n] = sum(total_of[n][WEIGHTS]);
    }
}
}
