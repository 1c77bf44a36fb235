// Convolution (valid, stride 1, one input channel), maximum of 2x2 and ReLU, forward and backward.
//
// Layouts, samples innermost: image x[H][W][B], weight w[N][K][K], bias b[N], output z[N][R][S][B]
// and winner[N][R][S][B], which of the four positions of a cell won (4: none, the ReLU did).
//
// A cell needs a patch of K+1 by K+1 pixels. Each pixel is loaded once and used for every position
// and weight it meets; CHUNK samples of a patch stay in the first cache while all channels pass.
// Sums run over one channel alone, so its bits do not depend on how many others there are.

#include <cstdint>
#include <cstring>

namespace {

#if defined(__AVX512F__)
constexpr long LANES = 16;
#elif defined(__AVX__)
constexpr long LANES = 8;
#else
constexpr long LANES = 4;
#endif
constexpr long CHUNK = 128;
constexpr int KILLED = 4;

typedef float Floats __attribute__((vector_size(LANES * 4), aligned(4)));
typedef int32_t Ints __attribute__((vector_size(LANES * 4), aligned(4)));
typedef uint8_t Bytes __attribute__((vector_size(LANES), aligned(1)));

Floats load(const float *from) { return *reinterpret_cast<const Floats *>(from); }

struct Shape {
    long height, width, samples, channels, rows, columns;
    Shape(long height, long width, long samples, long channels, int kernel)
        : height(height), width(width), samples(samples), channels(channels),
          rows((height - kernel + 1) / 2), columns((width - kernel + 1) / 2) {}
    long cell(long channel, long row, long column) const {
        return ((channel * rows + row) * columns + column) * samples;
    }
};

// Calls visit(row, column, first, count) for every cell, once for each chunk of samples.
template <class Visit> void for_each_chunk(const Shape &shape, Visit visit) {
    for (long row = 0; row < shape.rows; row++)
        for (long column = 0; column < shape.columns; column++)
            for (long first = 0; first < shape.samples; first += CHUNK) {
                long left = shape.samples - first;
                visit(row, column, first, left < CHUNK ? left : CHUNK);
            }
}

// Calls step(sample, repeated) for runs of LANES samples of a chunk. The last run is moved back to
// end with the chunk; `repeated` says how many of its lanes an earlier run had.
template <class Step> void for_each_run(long first, long count, Step step) {
    long end = first + count;
    for (long sample = first; sample < end; sample += LANES) {
        long over = sample + LANES - end;
        step(over > 0 ? sample - over : sample, over > 0 ? over : 0);
    }
}

// Calls use(pixel, weight, position) for each weight and position that a pixel of a patch meets.
template <int K, class Use>
inline __attribute__((always_inline)) void for_each_pixel(const float *patch, long row_stride,
                                                          long column_stride, Use use) {
#pragma GCC unroll 8
    for (int y = 0; y <= K; y++)
#pragma GCC unroll 8
        for (int x = 0; x <= K; x++) {
            Floats pixel = load(patch + y * row_stride + x * column_stride);
#pragma GCC unroll 4
            for (int position = 0; position < 4; position++) {
                int i = y - (position >> 1), j = x - (position & 1);
                if (i >= 0 && i < K && j >= 0 && j < K) use(pixel, i * K + j, position);
            }
        }
}

template <int K>
void forward(const float *x, const float *w, const float *b, float *z, uint8_t *winner,
             const Shape &shape) {
    long stride = shape.width * shape.samples;
    for_each_chunk(shape, [&](long row, long column, long first, long count) {
        const float *patch = x + 2 * row * stride + 2 * column * shape.samples;
        for (long n = 0; n < shape.channels; n++) {
            Floats weight[K * K], bias = b[n] - Floats{};
            for (int k = 0; k < K * K; k++) weight[k] = w[n * K * K + k] - Floats{};
            long cell = shape.cell(n, row, column);
            for_each_run(first, count, [&](long sample, long) {
                Floats y[4] = {bias, bias, bias, bias};
                for_each_pixel<K>(patch + sample, stride, shape.samples,
                                  [&](Floats pixel, int k, int p) { y[p] += weight[k] * pixel; });
                Floats best = y[0];
                Ints won{};
                // "not at most" rather than "above": what is not a number goes on to the loss
                for (int p = 1; p < 4; p++) {
                    won = y[p] <= best ? won : Ints{} + p;
                    best = y[p] <= best ? best : y[p];
                }
                won = best <= Floats{} ? Ints{} + KILLED : won;
                best = best <= Floats{} ? Floats{} : best;
                *reinterpret_cast<Floats *>(z + cell + sample) = best;
                *reinterpret_cast<Bytes *>(winner + cell + sample) =
                    __builtin_convertvector(won, Bytes);
            });
        }
    });
}

// sums[N][K*K + 1][LANES] is working space: the gradients of weights and bias, lane by lane.
template <int K>
void backward(const float *x, const float *g, const uint8_t *winner, float *sums, float *dw,
              float *db, const Shape &shape) {
    constexpr int WEIGHTS = K * K;
    long stride = shape.width * shape.samples;
    auto sum = reinterpret_cast<Floats(*)[WEIGHTS + 1]>(sums);
    std::memset(sums, 0, shape.channels * sizeof(*sum));
    for_each_chunk(shape, [&](long row, long column, long first, long count) {
        const float *patch = x + 2 * row * stride + 2 * column * shape.samples;
        for (long n = 0; n < shape.channels; n++) {
            Floats total[WEIGHTS + 1];
            for (int k = 0; k <= WEIGHTS; k++) total[k] = sum[n][k];
            long cell = shape.cell(n, row, column);
            for_each_run(first, count, [&](long sample, long repeated) {
                Floats gradient = load(g + cell + sample);
                for (long lane = 0; lane < repeated; lane++) gradient[lane] = 0;
                Ints won = __builtin_convertvector(
                    *reinterpret_cast<const Bytes *>(winner + cell + sample), Ints);
                Floats part[4];
                for (int p = 0; p < 4; p++) part[p] = won == p ? gradient : Floats{};
                total[WEIGHTS] += (part[0] + part[1]) + (part[2] + part[3]);
                for_each_pixel<K>(patch + sample, stride, shape.samples,
                                  [&](Floats pixel, int k, int p) { total[k] += part[p] * pixel; });
            });
            for (int k = 0; k <= WEIGHTS; k++) sum[n][k] = total[k];
        }
    });
    for (long n = 0; n < shape.channels; n++)
        for (int k = 0; k <= WEIGHTS; k++) {
            float all = 0;
            for (long lane = 0; lane < LANES; lane++) all += sum[n][k][lane];
            (k < WEIGHTS ? dw[n * WEIGHTS + k] : db[n]) = all;
        }
}

} // namespace

extern "C" {

extern const long lanes = LANES;

void forward_3(const float *x, const float *w, const float *b, float *z, uint8_t *winner, long h,
               long wd, long samples, long channels) {
    forward<3>(x, w, b, z, winner, Shape(h, wd, samples, channels, 3));
}

void backward_3(const float *x, const float *g, const uint8_t *winner, float *sums, float *dw,
                float *db, long h, long wd, long samples, long channels) {
    backward<3>(x, g, winner, sums, dw, db, Shape(h, wd, samples, channels, 3));
}

void forward_5(const float *x, const float *w, const float *b, float *z, uint8_t *winner, long h,
               long wd, long samples, long channels) {
    forward<5>(x, w, b, z, winner, Shape(h, wd, samples, channels, 5));
}

void backward_5(const float *x, const float *g, const uint8_t *winner, float *sums, float *dw,
                float *db, long h, long wd, long samples, long channels) {
    backward<5>(x, g, winner, sums, dw, db, Shape(h, wd, samples, channels, 5));
}
}
