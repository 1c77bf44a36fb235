// How convolutions of few input channels read an image x[I][H][W][B]: some of its rows are packed for
// a chunk of samples and stay in the first cache while all channels pass.

#include <cstring>

namespace {

// The pixels of so many rows from one on, pixel[I][Rows][W][Chunk] in slab, and visit(first, count)
// for each chunk of samples.
template <long Inputs, long Rows, long Chunk, class Visit>
inline void for_each_chunk(const float *x, float *slab, long height, long width, long samples,
                           long row, Visit visit) {
    for (long first = 0; first < samples; first += Chunk) {
        long count = samples - first < Chunk ? samples - first : Chunk;
        for (long i = 0; i < Inputs; i++) {
            const float *from = x + (i * height + row) * width * samples + first;
            float *to = slab + i * Rows * width * Chunk;
            for (long pixel = 0; pixel < Rows * width; pixel++)
                std::memcpy(to + pixel * Chunk, from + pixel * samples, count * sizeof(float));
        }
        visit(first, count);
    }
}

} // namespace
