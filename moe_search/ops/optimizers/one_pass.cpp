// A step of an optimizer over the flat memory of all parameters: each place's gradient is clipped,
// decayed and cleared, its moments and its weight are moved, in one read and one write.
//
// A segment is one model's share of one parameter, which ends where the next begins; model[] says
// whose it is, and lr[], decay[], clip[] and so on hold each model's numbers. Every place is computed
// for itself, and a norm is summed over one model alone, so no bit depends on the company. What is
// fused into one rounding, and what is not, is as in torch's kernels.

#if defined(__clang__)
#pragma clang fp contract(off)
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include "../vectors.h"

#include <cmath>

namespace {

// Calls place(i, model) for every place of every segment.
template <class Place>
inline void for_each_place(const long *end, const long *model, long segments, Place place) {
    long first = 0;
    for (long s = 0; s < segments; s++) {
        long last = end[s], of = model[s];
        auto here = place(of);
        for (long i = first; i < last; i++) here(i);
        first = last;
    }
}

inline float fused(float a, float b, float c) {
#if defined(__FMA__) || defined(__FP_FAST_FMAF) || defined(__aarch64__)
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

double squares(const float *x, long count) {
    double sums[LANES] = {}, all = 0;
    long i = 0;
    for (; i + LANES <= count; i += LANES)
        for (long lane = 0; lane < LANES; lane++) sums[lane] += double(x[i + lane]) * x[i + lane];
    for (long lane = 0; lane < LANES; lane++) all += sums[lane];
    for (; i < count; i++) all += double(x[i]) * x[i];
    return all;
}

// Adam of numbers that have been corrected for the step: first = 1 - beta1^t and second =
// sqrt(1 - beta2^t). Decoupled, the weight is first multiplied by its decay; else the decay is a part
// of the gradient.
template <bool Decoupled>
inline void adam(float *__restrict weight, float *__restrict gradient, float *__restrict mean,
                 float *__restrict square, const long *end, const long *model, const float *lr,
                 const float *decay, const float *factor, long segments, float pull, float keep,
                 float join, float rise, float second, float epsilon) {
    for_each_place(end, model, segments, [=](long m) {
        return [=, rate = lr[m], shrink = decay[m], scale = factor[m]](long i) {
            float g = gradient[i] * scale, w = weight[i];
            if (Decoupled)
                w *= shrink;
            else
                g = fused(shrink, w, g);
            float moment = fused(pull, g - mean[i], mean[i]);
            float spread = fused(join * g, g, square[i] * keep);
            mean[i] = moment;
            square[i] = spread;
            weight[i] = w + rise * moment / (__builtin_sqrtf(spread) / second + epsilon) * rate;
            gradient[i] = 0;
        };
    });
}

} // namespace

extern "C" {

// What the gradients of each model are multiplied by: clip / (their norm + 1e-6), but at most 1, and
// 1 where the clip is 0. norm2 is working space of a number a model.
void factors(const float *gradient, const long *end, const long *model, const float *clip,
             double *norm2, float *factor, long segments, long models) {
    for (long m = 0; m < models; m++) norm2[m] = 0;
    for (long s = 0, first = 0; s < segments; first = end[s++])
        if (clip[model[s]] > 0) norm2[model[s]] += squares(gradient + first, end[s] - first);
    for (long m = 0; m < models; m++) {
        float share = clip[m] / (float(std::sqrt(norm2[m])) + 1e-6f);
        factor[m] = clip[m] > 0 && !(share > 1) ? share : 1; // what is not a number stays
    }
}

// v <- momentum v + g, w <- w - lr v; the decay is a part of g.
void sgd(float *__restrict weight, float *__restrict gradient, float *__restrict velocity,
         const long *end, const long *model, const float *lr, const float *decay,
         const float *factor, const float *momentum, long segments) {
    for_each_place(end, model, segments, [=](long m) {
        return [=, rate = lr[m], shrink = decay[m], scale = factor[m], mass = momentum[m]](long i) {
            float g = fused(shrink, weight[i], gradient[i] * scale);
            float v = velocity[i] * mass + g;
            velocity[i] = v;
            weight[i] += -v * rate;
            gradient[i] = 0;
        };
    });
}

void adam_l2(float *weight, float *gradient, float *mean, float *square, const long *end,
             const long *model, const float *lr, const float *decay, const float *factor,
             long segments, float pull, float keep, float join, float rise, float second,
             float epsilon) {
    adam<false>(weight, gradient, mean, square, end, model, lr, decay, factor, segments, pull, keep,
                join, rise, second, epsilon);
}

void adam_decoupled(float *weight, float *gradient, float *mean, float *square, const long *end,
                    const long *model, const float *lr, const float *decay, const float *factor,
                    long segments, float pull, float keep, float join, float rise, float second,
                    float epsilon) {
    adam<true>(weight, gradient, mean, square, end, model, lr, decay, factor, segments, pull, keep,
               join, rise, second, epsilon);
}
}
