// Convolution (valid, stride 1) of few input channels, maximum of 2x2, ReLU and, where OUTPUTS is not
// 0, a dense layer of that many outputs for each network; forward and backward. INPUTS, KERNEL and
// OUTPUTS are given when this is compiled, so that what is summed stays in registers.
//
// Layouts, samples innermost and a multiple of LANES: image x[I][H][W][B], weight w[N][I][K][K],
// bias b[N], cells z[N][R][S][B]. N are the channels of all networks, C to each. Dense weight
// dense[N/C][O][C][R][S], outputs h[N/C][O][B]. What only backward reads lies in the order in which
// both meet it, as memory is fastest: winners, which of the four positions of a cell won, two bits
// each for up to PACKED cells of a row, and z where there is a dense layer. Where z is 0 the ReLU won.
//
// A row of cells needs K+1 rows of pixels. They are packed for CHUNK samples, stay in the first
// cache while all channels pass, and a pixel is loaded once for every weight and position it meets.
// Sums run over one channel alone, so its bits do not depend on how many others there are.

#include "slab.h"

#include <cstdint>

namespace {

constexpr int K = KERNEL, WEIGHTS = INPUTS * K * K, OUTPUTS_OR_1 = OUTPUTS ? OUTPUTS : 1;
constexpr long PACKED = 16;

typedef uint32_t Words __attribute__((vector_size(LANES * 4)));

struct Shape {
    long width, share, rows, columns;
    Shape(long height, long width, long share)
        : width(width), share(share), rows((height - K + 1) / 2), columns((width - K + 1) / 2) {}
    long cell(long channel, long row) const { return (channel * rows + row) * columns; }
    const float *patch(const float *slab, long input, long column) const {
        return slab + (input * (K + 1) * width + 2 * column) * CHUNK;
    }
    long output(long channel, long o) const { return channel / share * OUTPUTS + o; }
    // where the dense weights of output o begin for a row of a channel's cells
    long dense(long channel, long o, long row) const {
        return cell(output(channel, o) * share + channel % share, row);
    }
};

} // namespace

extern "C" {

extern const long lanes = LANES, packed = PACKED, slab_rows = INPUTS * (K + 1), slab_samples = CHUNK;

// z and winners are not written where they are null; h begins as the dense layer's bias.
void forward(const float *x, const float *w, const float *b, const float *dense, float *slab,
             float *z, uint32_t *winners, float *h, long height, long width, long samples,
             long channels, long share) {
    const Shape s(height, width, share);
    long met = 0, words = 0;
    for (long row = 0; row < s.rows; row++)
        for_each_chunk<K + 1>(x, slab, height, width, samples, 2 * row, [&](long first, long count) {
            for (long n = 0; n < channels; n++) {
                Floats weight[WEIGHTS], bias = b[n] - Floats{};
                for (int k = 0; k < WEIGHTS; k++) weight[k] = w[n * WEIGHTS + k] - Floats{};
                for (long run = 0; run < count; run += LANES) {
                    Floats out[OUTPUTS_OR_1];
                    for (int o = 0; o < OUTPUTS; o++)
                        out[o] = load(h + s.output(n, o) * samples + first + run);
                    Words word{};
                    for (long column = 0; column < s.columns; column++, met += LANES) {
                        Floats y[4] = {bias, bias, bias, bias};
#pragma GCC unroll 8
                        for (int input = 0; input < INPUTS; input++) {
                            const float *patch = s.patch(slab, input, column) + run;
                            const Floats *w = weight + input * K * K;
#pragma GCC unroll 8
                            for (int i = 0; i <= K; i++)
#pragma GCC unroll 8
                                for (int j = 0; j <= K; j++) {
                                    Floats pixel = load(patch + (i * width + j) * CHUNK);
                                    if (i < K && j < K) y[0] += w[i * K + j] * pixel;
                                    if (i < K && j > 0) y[1] += w[i * K + j - 1] * pixel;
                                    if (i > 0 && j < K) y[2] += w[(i - 1) * K + j] * pixel;
                                    if (i > 0 && j > 0) y[3] += w[(i - 1) * K + j - 1] * pixel;
                                }
                        }
                        Floats best = y[0];
                        Words won{};
                        // "not at most" rather than "above": what is not a number goes on
                        for (int p = 1; p < 4; p++) {
                            won = y[p] <= best ? won : Words{} + p;
                            best = y[p] <= best ? best : y[p];
                        }
                        best = best <= Floats{} ? Floats{} : best;
                        long at = (s.cell(n, row) + column) * samples + first + run;
                        if (z) store(z + (OUTPUTS ? met : at), best);
                        word |= won << 2 * (column % PACKED);
                        if (winners && (column % PACKED == PACKED - 1 || column == s.columns - 1)) {
                            store(winners + words, word);
                            word = Words{}, words += LANES;
                        }
                        for (int o = 0; o < OUTPUTS; o++)
                            out[o] += dense[s.dense(n, o, row) + column] * best;
                    }
                    for (int o = 0; o < OUTPUTS; o++)
                        store(h + s.output(n, o) * samples + first + run, out[o]);
                }
            }
        });
}

// g is the gradient of h, or of z where there is no dense layer. Working space, zeros at the start:
// sums[N][I*K*K + 1][LANES] and dense_sums[N][S][O][LANES], the gradients lane by lane.
void backward(const float *x, const float *dense, const float *z, const uint32_t *winners,
              const float *g, float *slab, float *sums, float *dense_sums, float *dw, float *db,
              float *ddense, long height, long width, long samples, long channels, long share) {
    const Shape s(height, width, share);
    auto total_of = reinterpret_cast<Floats(*)[WEIGHTS + 1]>(sums);
    auto dense_of = reinterpret_cast<Floats(*)[OUTPUTS_OR_1]>(dense_sums);
    long met = 0, words = 0;
    for (long row = 0; row < s.rows; row++) {
        for_each_chunk<K + 1>(x, slab, height, width, samples, 2 * row, [&](long first, long count) {
            for (long n = 0; n < channels; n++) {
                Floats total[WEIGHTS + 1];
                for (int k = 0; k <= WEIGHTS; k++) total[k] = total_of[n][k];
                for (long run = 0; run < count; run += LANES) {
                    Floats out[OUTPUTS_OR_1];
                    for (int o = 0; o < OUTPUTS; o++)
                        out[o] = load(g + s.output(n, o) * samples + first + run);
                    Words word{};
                    for (long column = 0; column < s.columns; column++, met += LANES) {
                        long at = (s.cell(n, row) + column) * samples + first + run;
                        Floats gradient{}, cell = load(z + (OUTPUTS ? met : at));
                        if (OUTPUTS) {
                            auto sum_of = dense_of[n * s.columns + column];
                            for (int o = 0; o < OUTPUTS; o++) {
                                gradient += dense[s.dense(n, o, row) + column] * out[o];
                                sum_of[o] += cell * out[o];
                            }
                        } else {
                            gradient = load(g + at);
                        }
                        gradient = cell == Floats{} ? Floats{} : gradient;
                        if (column % PACKED == 0) word = load<Words>(winners + words), words += LANES;
                        Words won = word >> 2 * (column % PACKED);
                        total[WEIGHTS] += gradient;
#pragma GCC unroll 8
                        for (int input = 0; input < INPUTS; input++) {
                            const float *patch = s.patch(slab, input, column) + run;
                            // the pixels that the weights met at the position that won
                            Floats above[K + 1];
                            for (int j = 0; j <= K; j++) above[j] = load(patch + j * CHUNK);
#pragma GCC unroll 8
                            for (int i = 0; i < K; i++) {
                                Floats chosen[K + 1];
#pragma GCC unroll 8
                                for (int j = 0; j <= K; j++) {
                                    Floats below = load(patch + ((i + 1) * width + j) * CHUNK);
                                    chosen[j] = (won & 2) == 0 ? above[j] : below;
                                    above[j] = below;
                                }
#pragma GCC unroll 8
                                for (int j = 0; j < K; j++)
                                    total[(input * K + i) * K + j] +=
                                        gradient * ((won & 1) == 0 ? chosen[j] : chosen[j + 1]);
                            }
                        }
                    }
                }
                for (int k = 0; k <= WEIGHTS; k++) total_of[n][k] = total[k];
            }
        });
        for (long n = 0; n < (OUTPUTS ? channels : 0); n++)
            for (long column = 0; column < s.columns; column++)
                for (int o = 0; o < OUTPUTS; o++) {
                    Floats &part = dense_of[n * s.columns + column][o];
                    ddense[s.dense(n, o, row) + column] = sum(part);
                    part = Floats{};
                }
    }
    for (long n = 0; n < channels; n++) {
        for (int k = 0; k < WEIGHTS; k++) dw[n * WEIGHTS + k] = sum(total_of[n][k]);
        db[n] = sum(total_of[n][WEIGHTS]);
    }
}
}
