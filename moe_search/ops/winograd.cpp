// The four linear maps of a 3x3 convolution by Winograd's F(4x4, 3x3), see convolution.py.
//
// Layouts, samples innermost: image x[C][H][W][B] and spectrum v[36][C][T][count], whose 36 planes
// lie `plane` floats apart. T are the tiles of 4x4 results, row by row; a tile needs 6x6 pixels.
// Of the image only the samples from `first`, `count` of them, are met. Pixels outside the image
// are 0, results outside it are not kept.

#include "vectors.h"

namespace {

// Each map works on one row or column: OUT values from IN values, `step` apart in memory.

struct Split { // B': pixels to spectrum
    static constexpr int IN = 6, OUT = 6;
    template <class V> static void apply(const V *d, long in, V *v, long out) {
        V d0 = d[0], d1 = d[in], d2 = d[2 * in], d3 = d[3 * in], d4 = d[4 * in], d5 = d[5 * in];
        V even = d4 - 4.f * d2, odd = d3 - 4.f * d1, even2 = d4 - d2, odd2 = 2.f * (d3 - d1);
        v[0] = 4.f * d0 - 5.f * d2 + d4;
        v[out] = even + odd;
        v[2 * out] = even - odd;
        v[3 * out] = even2 + odd2;
        v[4 * out] = even2 - odd2;
        v[5 * out] = 4.f * d1 - 5.f * d3 + d5;
    }
};

struct SplitBack { // B: the transpose
    static constexpr int IN = 6, OUT = 6;
    template <class V> static void apply(const V *v, long in, V *d, long out) {
        V v0 = v[0], v5 = v[5 * in];
        V plus = v[in] + v[2 * in], minus = v[in] - v[2 * in];
        V plus2 = v[3 * in] + v[4 * in], minus2 = 2.f * (v[3 * in] - v[4 * in]);
        d[0] = 4.f * v0;
        d[out] = 4.f * (v5 - minus) - minus2;
        d[2 * out] = -5.f * v0 - 4.f * plus - plus2;
        d[3 * out] = minus + minus2 - 5.f * v5;
        d[4 * out] = v0 + plus + plus2;
        d[5 * out] = v5;
    }
};

struct Join { // A': spectrum to results
    static constexpr int IN = 6, OUT = 4;
    template <class V> static void apply(const V *m, long in, V *y, long out) {
        V plus = m[in] + m[2 * in], minus = m[in] - m[2 * in];
        V plus2 = m[3 * in] + m[4 * in], minus2 = m[3 * in] - m[4 * in];
        y[0] = m[0] + plus + plus2;
        y[out] = minus + 2.f * minus2;
        y[2 * out] = plus + 4.f * plus2;
        y[3 * out] = minus + 8.f * minus2 + m[5 * in];
    }
};

struct JoinBack { // A: the transpose
    static constexpr int IN = 4, OUT = 6;
    template <class V> static void apply(const V *y, long in, V *m, long out) {
        V y0 = y[0], y1 = y[in], y2 = y[2 * in], y3 = y[3 * in];
        V even = y0 + y2, odd = y1 + y3, even2 = y0 + 4.f * y2, odd2 = 2.f * y1 + 8.f * y3;
        m[0] = y0;
        m[out] = even + odd;
        m[2 * out] = even - odd;
        m[3 * out] = even2 + odd2;
        m[4 * out] = even2 - odd2;
        m[5 * out] = y3;
    }
};

// A square of IN*IN values to OUT*OUT values, columns and then rows.
template <class Map, class V> inline void both_ways(const V *from, V *to) {
    V half[Map::OUT * Map::IN];
#pragma GCC unroll 8
    for (int j = 0; j < Map::IN; j++) Map::apply(from + j, Map::IN, half + j, Map::IN);
#pragma GCC unroll 8
    for (int i = 0; i < Map::OUT; i++)
        Map::apply(half + i * Map::IN, 1, to + i * Map::OUT, 1);
}

// The image's shape; the piece of its samples; floats from plane to plane; tiles; and how far before
// the image tile (0, 0) begins. As convolution.py gives them.
struct Shape {
    long channels, height, width, samples, first, count, plane, down, across, padding;
};

// Calls visit(p, at) for each pixel p of a square that is inside the image.
template <int SIDE, class Visit>
inline void for_each_pixel(const Shape &s, long top, long left, Visit visit) {
#pragma GCC unroll 8
    for (int i = 0; i < SIDE; i++)
#pragma GCC unroll 8
        for (int j = 0; j < SIDE; j++) {
            long row = top + i, column = left + j;
            if (row >= 0 && row < s.height && column >= 0 && column < s.width)
                visit(i * SIDE + j, (row * s.width + column) * s.samples);
        }
}

template <class Map, class V>
inline void to_spectrum(const float *x, float *v, const Shape &s, long top, long left) {
    V pixels[Map::IN * Map::IN] = {}, values[36];
    for_each_pixel<Map::IN>(s, top, left, [&](int p, long at) { pixels[p] = load<V>(x + at); });
    both_ways<Map>(pixels, values);
#pragma GCC unroll 36
    for (int p = 0; p < 36; p++) store(v + p * s.plane, values[p]);
}

template <class Map, class V>
inline void from_spectrum(const float *v, float *x, float bias, bool add, const Shape &s, long top,
                          long left) {
    V values[36], pixels[Map::OUT * Map::OUT];
#pragma GCC unroll 36
    for (int p = 0; p < 36; p++) values[p] = load<V>(v + p * s.plane);
    both_ways<Map>(values, pixels);
    for_each_pixel<Map::OUT>(s, top, left, [&](int p, long at) {
        store(x + at, pixels[p] + (add ? load<V>(x + at) : bias + V{}));
    });
}

// Calls visit(lanes, pixels, spectrum, channel, top, left) for every tile and run of samples.
template <class Visit> inline void for_each_tile(const Shape &s, Visit visit) {
    for (long channel = 0; channel < s.channels; channel++)
        for (long tile = 0; tile < s.down * s.across; tile++) {
            long top = tile / s.across * 4 - s.padding, left = tile % s.across * 4 - s.padding;
            long pixels = channel * s.height * s.width * s.samples + s.first;
            long spectrum = (channel * s.down * s.across + tile) * s.count;
            long run = 0;
            for (; run + LANES <= s.count; run += LANES)
                visit(Floats{}, pixels + run, spectrum + run, channel, top, left);
            for (; run < s.count; run++)
                visit(float{}, pixels + run, spectrum + run, channel, top, left);
        }
}

} // namespace

extern "C" {

// Pixels to spectrum.
void split(const float *x, float *v, const float *, const Shape &s) {
    for_each_tile(s, [&](auto lanes, long at, long to, long, long top, long left) {
        to_spectrum<Split, decltype(lanes)>(x + at, v + to, s, top, left);
    });
}

// The transpose of split; adds to x.
void split_back(float *x, const float *v, const float *, const Shape &s) {
    for_each_tile(s, [&](auto lanes, long at, long from, long, long top, long left) {
        from_spectrum<SplitBack, decltype(lanes)>(v + from, x + at, 0, true, s, top, left);
    });
}

// Spectrum to results, plus the bias of each channel where it is not null.
void join(float *y, const float *m, const float *bias, const Shape &s) {
    for_each_tile(s, [&](auto lanes, long at, long from, long channel, long top, long left) {
        float b = bias ? bias[channel] : 0;
        from_spectrum<Join, decltype(lanes)>(m + from, y + at, b, false, s, top, left);
    });
}

// The transpose of join without bias.
void join_back(const float *y, float *m, const float *, const Shape &s) {
    for_each_tile(s, [&](auto lanes, long at, long to, long, long top, long left) {
        to_spectrum<JoinBack, decltype(lanes)>(y + at, m + to, s, top, left);
    });
}
}
