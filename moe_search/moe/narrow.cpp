// A ReLU and a dense layer of few inputs and outputs, of N networks; forward and backward. INPUTS and
// OUTPUTS are given when this is compiled, so that what is summed stays in registers: each function
// serves some inputs or outputs, from FIRST, and calls itself for the next ones.
//
// Layouts, samples innermost and a multiple of LANES: x[N][I][B], weight w[N][O][I], bias b[N][O],
// y[N][O][B]. What is not a number passes the ReLU, as in torch. Sums run over one network alone, so
// its bits do not depend on how many others there are.

#include "vectors.h"

namespace {

constexpr int I = INPUTS, O = OUTPUTS;

constexpr int at_most(int most, int left) { return left < most ? left : most; }

inline Floats relu(Floats value) { return value <= Floats{} ? Floats{} : value; }

template <int FIRST = 0>
void outputs(const float *x, const float *w, const float *b, float *y, long samples) {
    constexpr int COUNT = at_most(16, O - FIRST);
    for (long run = 0; run < samples; run += LANES) {
        Floats out[COUNT];
        for (int o = 0; o < COUNT; o++) out[o] = b[FIRST + o] - Floats{};
        for (int i = 0; i < I; i++) {
            Floats in = relu(load(x + i * samples + run));
#pragma GCC unroll 16
            for (int o = 0; o < COUNT; o++) out[o] += w[(FIRST + o) * I + i] * in;
        }
        for (int o = 0; o < COUNT; o++) store(y + (FIRST + o) * samples + run, out[o]);
    }
    if constexpr (FIRST + COUNT < O) outputs<FIRST + COUNT>(x, w, b, y, samples);
}

template <int FIRST = 0>
void gradient_of_inputs(const float *x, const float *w, const float *g, float *dx, long samples) {
    constexpr int COUNT = at_most(16, I - FIRST);
    for (long run = 0; run < samples; run += LANES) {
        Floats gradient[COUNT] = {};
        for (int o = 0; o < O; o++) {
            Floats out = load(g + o * samples + run);
#pragma GCC unroll 16
            for (int i = 0; i < COUNT; i++) gradient[i] += w[o * I + FIRST + i] * out;
        }
        for (int i = 0; i < COUNT; i++) {
            long at = (FIRST + i) * samples + run;
            store(dx + at, load(x + at) <= Floats{} ? Floats{} : gradient[i]);
        }
    }
    if constexpr (FIRST + COUNT < I) gradient_of_inputs<FIRST + COUNT>(x, w, g, dx, samples);
}

template <int FIRST_O = 0, int FIRST_I = 0>
void gradient_of_weights(const float *x, const float *g, float *dw, float *db, long samples) {
    constexpr int OUT = at_most(4, O - FIRST_O), IN = at_most(5, I - FIRST_I);
    Floats weight[OUT][IN] = {}, bias[OUT] = {};
    for (long run = 0; run < samples; run += LANES) {
        Floats in[IN];
        for (int i = 0; i < IN; i++) in[i] = relu(load(x + (FIRST_I + i) * samples + run));
#pragma GCC unroll 4
        for (int o = 0; o < OUT; o++) {
            Floats out = load(g + (FIRST_O + o) * samples + run);
            bias[o] += out;
#pragma GCC unroll 5
            for (int i = 0; i < IN; i++) weight[o][i] += out * in[i];
        }
    }
    for (int o = 0; o < OUT; o++) {
        for (int i = 0; i < IN; i++) dw[(FIRST_O + o) * I + FIRST_I + i] = sum(weight[o][i]);
        db[FIRST_O + o] = sum(bias[o]);
    }
    if constexpr (FIRST_I + IN < I)
        gradient_of_weights<FIRST_O, FIRST_I + IN>(x, g, dw, db, samples);
    else if constexpr (FIRST_O + OUT < O)
        gradient_of_weights<FIRST_O + OUT>(x, g, dw, db, samples);
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
