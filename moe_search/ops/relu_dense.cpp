// A ReLU and a dense layer of few inputs and outputs, of N networks; forward and backward. INPUTS and
// OUTPUTS are given when this is compiled, so that what is summed stays in registers.
//
// Layouts, samples innermost and a multiple of LANES: x[N][I][B], weight w[N][O][I], bias b[N][O],
// y[N][O][B]. What is not a number passes the ReLU, as in torch. Sums run over one network alone, so
// its bits do not depend on how many others there are.

#include "vectors.h"

namespace {

constexpr int I = INPUTS, O = OUTPUTS;

template <int COUNT> struct Count {
    static constexpr int value = COUNT;
};

// Calls tile(count, first) for tiles of SIZE of the numbers below TOTAL, and for what is left over.
template <int SIZE, int TOTAL, class Tile> inline void in_tiles(Tile tile) {
    for (int first = 0; first + SIZE <= TOTAL; first += SIZE) tile(Count<SIZE>{}, first);
    if constexpr (TOTAL % SIZE) tile(Count<TOTAL % SIZE>{}, TOTAL - TOTAL % SIZE);
}

inline Floats relu(Floats value) { return value <= Floats{} ? Floats{} : value; }

void outputs(const float *x, const float *w, const float *b, float *y, long samples) {
    in_tiles<16, O>([&](auto count, int first) {
        constexpr int COUNT = decltype(count)::value;
        for (long run = 0; run < samples; run += LANES) {
            Floats out[COUNT];
            for (int o = 0; o < COUNT; o++) out[o] = b[first + o] - Floats{};
            for (int i = 0; i < I; i++) {
                Floats in = relu(load(x + i * samples + run));
#pragma GCC unroll 16
                for (int o = 0; o < COUNT; o++) out[o] += w[(first + o) * I + i] * in;
            }
            for (int o = 0; o < COUNT; o++) store(y + (first + o) * samples + run, out[o]);
        }
    });
}

void gradient_of_inputs(const float *x, const float *w, const float *g, float *dx, long samples) {
    in_tiles<16, I>([&](auto count, int first) {
        constexpr int COUNT = decltype(count)::value;
        for (long run = 0; run < samples; run += LANES) {
            Floats gradient[COUNT] = {};
            for (int o = 0; o < O; o++) {
                Floats out = load(g + o * samples + run);
#pragma GCC unroll 16
                for (int i = 0; i < COUNT; i++) gradient[i] += w[o * I + first + i] * out;
            }
            for (int i = 0; i < COUNT; i++) {
                long at = (first + i) * samples + run;
                store(dx + at, load(x + at) <= Floats{} ? Floats{} : gradient[i]);
            }
        }
    });
}

void gradient_of_weights(const float *x, const float *g, float *dw, float *db, long samples) {
    in_tiles<4, O>([&](auto outputs, int first_o) {
        in_tiles<5, I>([&](auto inputs, int first_i) {
            constexpr int OUT = decltype(outputs)::value, IN = decltype(inputs)::value;
            Floats weight[OUT][IN] = {}, bias[OUT] = {};
            for (long run = 0; run < samples; run += LANES) {
                Floats in[IN];
                for (int i = 0; i < IN; i++) in[i] = relu(load(x + (first_i + i) * samples + run));
#pragma GCC unroll 4
                for (int o = 0; o < OUT; o++) {
                    Floats out = load(g + (first_o + o) * samples + run);
                    bias[o] += out;
#pragma GCC unroll 5
                    for (int i = 0; i < IN; i++) weight[o][i] += out * in[i];
                }
            }
            for (int o = 0; o < OUT; o++) {
                for (int i = 0; i < IN; i++) dw[(first_o + o) * I + first_i + i] = sum(weight[o][i]);
                db[first_o + o] = sum(bias[o]);
            }
        });
    });
}

} // namespace

extern "C" {

extern const long lanes = LANES;

void forward(const float *x, const float *w, const float *b, float *y, long networks, long samples) {
    for (long n = 0; n < networks; n++)
        outputs(x + n * I * samples, w + n * O * I, b + n * O, y + n * O * samples, samples);
}

void backward(const float *x, const float *w, const float *g, float *dx, float *dw, float *db,
              long networks, long samples) {
    for (long n = 0; n < networks; n++) {
        const float *in = x + n * I * samples, *out = g + n * O * samples;
        gradient_of_inputs(in, w + n * O * I, out, dx + n * I * samples, samples);
        gradient_of_weights(in, out, dw + n * O * I, db + n * O, samples);
    }
}
}
