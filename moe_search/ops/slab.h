// How convolutions of INPUTS channels read an image x[I][H][W][B]: some of its rows are packed for a
// chunk of samples and stay in the first cache while all channels pass.

#include "vectors.h"

#include <cstring>

namespace {

constexpr long CHUNK = INPUTS == 1 ? 64 : LANES; // the slab should fit into the first cache

// Calls visit(first, count) for each chunk of samples, with the pixels of so many rows from one on,
// [I][Rows][W][CHUNK], in slab.
template <long Rows, class Visit>
inline void for_each_chunk(const float *x, float *slab, long height, long width, long samples,
                           long row, Visit visit) {
    for (long first = 0; first < samples; first += CHUNK) {
        long count = samples - first < CHUNK ? samples - first : CHUNK;
        for (long i = 0; i < INPUTS; i++) {
            const float *from = x + (i * height + row) * width * samples + first;
            float *to = slab + i * Rows * width * CHUNK;
            for (long pixel = 0; pixel < Rows * width; pixel++)
                std::memcpy(to + pixel * CHUNK, from + pixel * samples, count * sizeof(float));
        }
        visit(first, count);
    }
}

} // namespace
