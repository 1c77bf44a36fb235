// What the compiled operations share: LANES numbers at once, from memory of any alignment.

#include <cstring>

namespace {

#if defined(__AVX512F__)
constexpr long LANES = 16;
#elif defined(__AVX__)
constexpr long LANES = 8;
#else
constexpr long LANES = 4;
#endif
typedef float Floats __attribute__((vector_size(LANES * 4)));

// A template argument forgets how its type is aligned, so memory is copied, not pointed at.
template <class V = Floats, class T> inline V load(const T *from) {
    V value;
    std::memcpy(&value, from, sizeof value);
    return value;
}
template <class V, class T> inline void store(T *to, V value) {
    std::memcpy(to, &value, sizeof value);
}

inline float sum(Floats value) {
    float all = 0;
    for (long lane = 0; lane < LANES; lane++) all += value[lane];
    return all;
}

} // namespace
