// Maximum of 2x2, then ReLU, of channels of images with samples innermost; forward and backward.
// Image x[K][H][W][B], cells y[K][H/2][W/2][B], B a multiple of LANES; odd last rows and columns are
// dropped. Backward needs only which of its four pixels a cell came from, a byte, or that the ReLU
// won. What is not a number goes on, as in torch.

#include "vectors.h"

#include <cstdint>

namespace {

constexpr int NOWHERE = 4; // the ReLU won
typedef int32_t Places __attribute__((vector_size(LANES * 4)));
typedef int8_t Bytes __attribute__((vector_size(LANES)));

// Calls visit(pixel, cell) for each cell's first pixel and itself, a run of samples each.
template <class Visit>
inline void for_each_cell(long channels, long height, long width, long samples, Visit visit) {
    long cell = 0;
    for (long k = 0; k < channels; k++)
        for (long row = 0; row < height / 2; row++)
            for (long column = 0; column < width / 2; column++, cell += samples)
                visit(((k * height + 2 * row) * width + 2 * column) * samples, cell);
}

} // namespace

extern "C" {

extern const long lanes = LANES;

void forward(const float *x, float *y, int8_t *from, long channels, long height, long width,
             long samples) {
    const long offsets[4] = {0, samples, width * samples, (width + 1) * samples};
    for_each_cell(channels, height, width, samples, [&](long pixel, long cell) {
        for (long run = 0; run < samples; run += LANES) {
            Floats best = load(x + pixel + run);
            Places place{};
            for (int p = 1; p < 4; p++) {
                Floats other = load(x + pixel + offsets[p] + run);
                Places wins = (other > best) | (other != other);
                place = wins ? Places{} + p : place;
                best = wins ? other : best;
            }
            store(from + cell + run,
                  __builtin_convertvector(best <= Floats{} ? Places{} + NOWHERE : place, Bytes));
            store(y + cell + run, best <= Floats{} ? Floats{} : best);
        }
    });
}

// dx holds zeros where an odd height or width leaves pixels without a cell.
void backward(const float *g, const int8_t *from, float *dx, long channels, long height, long width,
              long samples) {
    const long offsets[4] = {0, samples, width * samples, (width + 1) * samples};
    for_each_cell(channels, height, width, samples, [&](long pixel, long cell) {
        for (long run = 0; run < samples; run += LANES) {
            Floats gradient = load(g + cell + run);
            Places place = __builtin_convertvector(load<Bytes>(from + cell + run), Places);
            for (int p = 0; p < 4; p++)
                store(dx + pixel + offsets[p] + run, place == p ? gradient : Floats{});
        }
    });
}
}
