// Dense layers of N networks, of any sizes, perhaps with a ReLU of their input; forward and backward.
//
// Layouts, samples innermost: x[N][I][S] or, where all networks share it, x[I][S]; weight w[N][O][I],
// bias b[N][O], y[N][O][S]. What is not a number passes the ReLU, as in torch. Sums run over one
// network alone and in one order, so its bits do not depend on how many others there are.
//
// All three products are of one form: rows of factors, each of which meets whole vectors. The vectors
// are packed into panels of up to RUNS side by side, so that memory is read in order, and a block of
// ROWS x RUNS results stays in registers while it is summed.

#ifdef __GNUC__
#pragma GCC optimize("O2") // what -O3 adds makes compiling take three times as long, and nothing faster
#endif

#include "vectors.h"

#include <cstdint>
#include <vector>

namespace {

constexpr int ROWS = LANES == 16 ? 8 : 4;
constexpr long RUNS = 3;

inline Floats relu(Floats value) { return value <= Floats{} ? Floats{} : value; }

// Memory that is kept from call to call; it starts where a line of the cache does.
thread_local std::vector<float> memory;
inline float *lines(long size) {
    constexpr std::size_t LINE = 64;
    if (static_cast<long>(memory.size()) < size + 16) memory.resize(size + 16);
    const auto start = reinterpret_cast<std::uintptr_t>(memory.data());
    return memory.data() + (LINE - start % LINE) % LINE / sizeof(float);
}

inline Floats load_some(const float *from, long count) {
    Floats value{};
    if (count >= LANES) return load(from);
    if (count > 0) std::memcpy(&value, from, count * sizeof(float));
    return value;
}

// A matrix [depth][columns] as panels: of each the rows of its vectors, which zeros fill up.
struct Panels {
    float *numbers;
    long depth, columns, runs;
    Panels(long depth, long columns)
        : depth(depth), columns(columns), runs((columns + LANES - 1) / LANES) {
        numbers = lines(depth * runs * LANES);
    }
    // panels as wide as each other, but for one vector
    long count() const { return (runs + RUNS - 1) / RUNS; }
    long begin(long panel) const { return panel * runs / count(); }
    float *of(long panel) const { return numbers + begin(panel) * LANES * depth; }

    // row after row, because memory that is read in order is fetched ahead
    void pack(const float *x, bool rectified) const {
        for (long k = 0; k < depth; k++, x += columns)
            for (long panel = 0; panel < count(); panel++) {
                const long first = begin(panel), width = begin(panel + 1) - first;
                float *to = of(panel) + k * width * LANES;
                for (long run = first; run < first + width; run++, to += LANES) {
                    Floats value = load_some(x + run * LANES, columns - run * LANES);
                    store(to, rectified ? relu(value) : value);
                }
            }
    }
    // the same of a matrix that is given as [columns][depth]
    void pack_turned(const float *x, bool rectified) const;
};

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int Places __attribute__((vector_size(LANES * 4)));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Places{__VA_ARGS__})
#endif
#if defined(__AVX512F__)
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif defined(__AVX__)
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define LOW 0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#endif

// Rows become columns: as often as a number of rows can be halved, both halves are interleaved.
template <long LEFT = LANES> inline void turn(Floats (&rows)[LANES]) {
    if constexpr (LEFT > 1) {
        Floats mixed[LANES];
#pragma GCC unroll 16
        for (long i = 0; i < LANES / 2; i++) {
            mixed[2 * i] = SHUFFLE(rows[i], rows[i + LANES / 2], LOW);
            mixed[2 * i + 1] = SHUFFLE(rows[i], rows[i + LANES / 2], HIGH);
        }
        turn<LEFT / 2>(mixed);
#pragma GCC unroll 16
        for (long i = 0; i < LANES; i++) rows[i] = mixed[i];
    }
}

void Panels::pack_turned(const float *x, bool rectified) const {
    for (long panel = 0; panel < count(); panel++) {
        const long first = begin(panel), width = begin(panel + 1) - first;
        for (long run = 0; run < width; run++)
            for (long k = 0; k < depth; k += LANES) {
                const long column = (first + run) * LANES;
                const float *from = x + column * depth + k;
                long row = depth;
                float some[LANES * LANES];
                if (column + LANES > columns || k + LANES > depth) {
                    std::memset(some, 0, sizeof some);
                    for (long i = 0; i < LANES && column + i < columns; i++)
                        for (long j = 0; j < LANES && k + j < depth; j++)
                            some[i * LANES + j] = from[i * depth + j];
                    from = some, row = LANES;
                }
                Floats rows[LANES];
#pragma GCC unroll 16
                for (long i = 0; i < LANES; i++) rows[i] = load(from + i * row);
                turn(rows);
                float *to = of(panel) + (k * width + run) * LANES;
                for (long i = 0; i < LANES && k + i < depth; i++)
                    store(to + i * width * LANES, rectified ? relu(rows[i]) : rows[i]);
            }
    }
}

// Factors [rows][depth] of any strides, and what becomes of their products with panels:
// out[rows][columns] = bias + product, 0 where `only` is not above 0, or, where it is to be `added`,
// that much more. Bias and `only` may be null.
struct Product {
    const float *factors;
    long rows, row, step;
    const float *bias, *only;
    float *out;
    bool added = false;
};

// A block of results: sums of factors [HEIGHT][depth] times vectors [depth][WIDTH].
template <int HEIGHT, int WIDTH>
void block(const float *factor, long row, long step, const float *in, long depth, const float *bias,
           const float *only, float *out, long columns, bool added) {
    Floats sum[HEIGHT][WIDTH];
#pragma GCC unroll 8
    for (int r = 0; r < HEIGHT; r++)
#pragma GCC unroll 8
        for (int v = 0; v < WIDTH; v++) sum[r][v] = (bias ? bias[r] : 0) - Floats{};
    for (long k = 0; k < depth; k++, in += WIDTH * LANES, factor += step) {
        Floats value[WIDTH];
#pragma GCC unroll 8
        for (int v = 0; v < WIDTH; v++) value[v] = load(in + v * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < HEIGHT; r++)
#pragma GCC unroll 8
            for (int v = 0; v < WIDTH; v++) sum[r][v] += factor[r * row] * value[v];
    }
#pragma GCC unroll 8
    for (int r = 0; r < HEIGHT; r++)
#pragma GCC unroll 8
        for (int v = 0; v < WIDTH; v++) {
            const long at = r * columns + v * LANES;
            if (only) sum[r][v] = load(only + at) <= Floats{} ? Floats{} : sum[r][v];
            if (added) sum[r][v] += load(out + at);
            store(out + at, sum[r][v]);
        }
}

template <int WIDTH> struct Rows {
    const Product &p;
    const Panels &panels;
    const float *in;
    const long column, columns = panels.columns;

    template <int HEIGHT> void at(long first) const {
        const long place = first * columns + column, left = columns - column;
        const float *factor = p.factors + first * p.row, *bias = p.bias ? p.bias + first : nullptr;
        const float *only = p.only ? p.only + place : nullptr;
        if (left >= WIDTH * LANES)
            return block<HEIGHT, WIDTH>(factor, p.row, p.step, in, panels.depth, bias, only,
                                        p.out + place, columns, p.added);
        float whole[HEIGHT * WIDTH * LANES];
        block<HEIGHT, WIDTH>(factor, p.row, p.step, in, panels.depth, bias, nullptr, whole,
                             WIDTH * LANES, false);
        for (long r = 0; r < HEIGHT; r++)
            for (long c = 0; c < left; c++) {
                const long to = r * columns + c;
                const float value = only && only[to] <= 0 ? 0 : whole[r * WIDTH * LANES + c];
                p.out[place + to] = p.added ? p.out[place + to] + value : value;
            }
    }
    void all() const {
        long first = 0;
        for (; first + ROWS <= p.rows; first += ROWS) at<ROWS>(first);
        for (; first + 2 <= p.rows; first += 2) at<2>(first);
        if (first < p.rows) at<1>(first);
    }
};

void multiply(const Product &p, const Panels &panels) {
    for (long panel = 0; panel < panels.count(); panel++) {
        const long column = panels.begin(panel) * LANES;
        const float *in = panels.of(panel);
        switch (panels.begin(panel + 1) - panels.begin(panel)) {
        case 1: Rows<1>{p, panels, in, column}.all(); break;
        case 2: Rows<2>{p, panels, in, column}.all(); break;
        default: Rows<RUNS>{p, panels, in, column}.all();
        }
    }
}

} // namespace

extern "C" {

void forward(const float *x, const float *w, const float *b, float *y, long networks, long outputs,
             long inputs, long samples, long shared, long rectified) {
    const Panels panels(inputs, samples);
    for (long n = 0; n < networks; n++) {
        if (n == 0 || !shared) panels.pack(x + n * inputs * samples, rectified);
        const float *factors = w + n * outputs * inputs;
        float *out = y + n * outputs * samples;
        multiply({factors, outputs, inputs, 1, b + n * outputs, nullptr, out}, panels);
    }
}

void gradient_of_inputs(const float *x, const float *w, const float *g, float *dx, long networks,
                        long outputs, long inputs, long samples, long shared, long rectified) {
    const Panels panels(outputs, samples);
    for (long n = 0; n < networks; n++) {
        panels.pack(g + n * outputs * samples, false);
        const float *factors = w + n * outputs * inputs;
        const float *only = rectified ? x + (shared ? 0 : n * inputs * samples) : nullptr;
        float *out = dx + n * inputs * samples;
        multiply({factors, inputs, 1, inputs, nullptr, only, out}, panels);
    }
}

// Adds to dw and db.
void gradient_of_weights(const float *x, const float *g, float *dw, float *db, long networks,
                         long outputs, long inputs, long samples, long shared, long rectified) {
    const Panels panels(samples, inputs);
    for (long n = 0; n < networks; n++) {
        if (n == 0 || !shared) panels.pack_turned(x + n * inputs * samples, rectified);
        const float *out = g + n * outputs * samples;
        float *to = dw + n * outputs * inputs;
        multiply({out, outputs, samples, 1, nullptr, nullptr, to, true}, panels);
        for (long o = 0; o < outputs; o++) {
            Floats total{};
            for (long s = 0; s < samples; s += LANES)
                total += load_some(out + o * samples + s, samples - s);
            db[n * outputs + o] += sum(total);
        }
    }
}
}
