/* Normal, gamma, beta and Student's t: distribution functions, and their inverses by Newton's
 * method inside a bracket.
 *
 * Gamma and beta: a series or a continued fraction where one parameter is small, else the tail
 * beyond x by Gauss and Legendre's rule of 32 points: density(x) times the integral of the density
 * over that at x, which falls from 1 to nothing. All loops end after fixed counts at the latest. */
#include "special.h"

#include <math.h>
#include <stdbool.h>

#include "base.h"
#include "poly.h"
#include "poly_terms.h"

#define LN_SQRT_TWO_PI 0.91893853320467274178
#define SQRT_TWO_PI 2.5066282746310005024
#define SHIFT_TO 16.0 /* Stirling's series from here on */
#define LARGE 1000.0  /* quadrature from here on */
#define TERMS_MAX 4000
#define TINY 1e-300
#define EPSILON 1e-17
#define SOLVE_MAX 120
#define GOOD_VALUE 1e-14 /* where no slope is known */
#define LAST_VALUE 1e-9  /* the next of Newton's steps squares it */
#define NORMAL_DF 1e6    /* Student's t by Cornish and Fisher from here on */

/* log(1 + x) - x, |x| small: no cancellation */
static double log1pmx_near(double x)
{
    double s = x / (2 + x), z = s * s;

    return -s * (x - z * polynomial(log_terms, LOG_TERMS, z));
}

static bool is_near(double x)
{
    return x > -0.29 && x < 0.41;
}

double special_log1p(double x)
{
    return is_near(x) ? x + log1pmx_near(x) : poly_log(1 + x);
}

/* log(ratio) - x, where ratio = 1 + x is given apart, since x may have lost its bits. */
static double log1pmx(double x, double ratio)
{
    return is_near(x) ? log1pmx_near(x) : poly_log(ratio) - x;
}

double special_expm1(double x)
{
    if (fabs(x) < 0.34)
        return x + x * x * polynomial(exp_terms, EXP_TERMS, x);
    return poly_exp(x) - 1;
}

/* What Stirling's formula lacks: lgamma(x) - ((x - 1/2) ln x - x + ln sqrt(2 pi)). */
static double stirling_rest(double x)
{
    static const double terms[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                                   1.0 / 1188, -691.0 / 360360, 1.0 / 156,  -3617.0 / 122400};
    double product = 1, y = x;

    while (y < SHIFT_TO) {
        product *= y;
        y += 1;
    }
    double rest = polynomial(terms, ARRAY_SIZE(terms), 1 / (y * y)) / y;
    if (y == x)
        return rest;
    return rest + ((y - 0.5) * poly_log(y) - (x - 0.5) * poly_log(x)) - (y - x) - poly_log(product);
}

double special_lgamma(double x)
{
    return (x - 0.5) * poly_log(x) - x + LN_SQRT_TWO_PI + stirling_rest(x);
}

/* ---- one rule for smooth tails ---- */

static const double nodes[16][2] = {
    {0.99726386184948156354,  0.0070186100094700966004},
    {0.9856115115452683354,   0.016274394730905670605 },
    {0.96476225558750643077,  0.025392065309262059456 },
    {0.93490607593773968917,  0.034273862913021433103 },
    {0.89632115576605212397,  0.042835898022226680657 },
    {0.84936761373256997013,  0.050998059262376176196 },
    {0.79448379596794240696,  0.058684093478535547145 },
    {0.73218211874028968039,  0.065822222776361846838 },
    {0.66304426693021520098,  0.072345794108848506225 },
    {0.58771575724076232904,  0.078193895787070306472 },
    {0.50689990893222939002,  0.083311924226946755222 },
    {0.42135127613063534536,  0.087652093004403811143 },
    {0.33186860228212764978,  0.091173878695763884713 },
    {0.23928736225213707454,  0.093844399080804565639 },
    {0.14447196158279649349,  0.095638720079274859419 },
    {0.048307665687738316235, 0.096540088514727800567 }
};

/* The density at x + s over that at x, for the side that falls. */
struct tail {
    double above, below; /* exponents of (1 + s/x) and (1 - s/rest) */
    double x, rest;
    double linear; /* exp(-linear * s) */
    double sign;   /* +1: upwards from x, -1: downwards */
};

static double tail_at(const struct tail *tail, double s)
{
    double moved = tail->sign * s, exponent = -tail->linear * moved;

    exponent += tail->above * special_log1p(moved / tail->x);
    if (tail->below > 0)
        exponent += tail->below * special_log1p(-moved / tail->rest);
    return poly_exp(exponent);
}

/* Its integral, over as much as counts. */
static double tail_area(const struct tail *tail)
{
    double slope = tail->linear - tail->above / tail->x, end = tail->sign > 0 ? 1e300 : tail->x;
    double bend = tail->above / (tail->x * tail->x), sum = 0;

    if (tail->below > 0) {
        slope += tail->below / tail->rest;
        bend += tail->below / (tail->rest * tail->rest);
        if (tail->sign > 0)
            end = tail->rest;
    }
    slope *= tail->sign;
    slope = slope > 0 ? slope : 0;
    double length = 84 / (slope + poly_sqrt(slope * slope + 84 * bend));
    length *= 1.4; /* the skewed side is longer than its parabola */
    length = length < end ? length : end;
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        double half = 0.5 * nodes[i][0];
        sum += nodes[i][1] *
               (tail_at(tail, length * (0.5 - half)) + tail_at(tail, length * (0.5 + half)));
    }
    return 0.5 * length * sum;
}

/* ---- the solver ---- */

double special_solve(special_fn *fn, const void *arg, double low, double start, double high)
{
    double x = start > low && start < high ? start : 0.5 * low + 0.5 * high;
    double last = high - low, before = 0, value_before = 0;

    for (int i = 0; i < SOLVE_MAX; i++) {
        struct point at = fn(arg, x);
        bool is_secant = !(at.slope > 0);
        if (fabs(at.value) <= (is_secant ? GOOD_VALUE : 0))
            return x;
        if (at.value < 0)
            low = x;
        else
            high = x;
        if (is_secant && i > 0)
            at.slope = (at.value - value_before) / (x - before);
        before = x;
        value_before = at.value;
        double next = x - at.value / at.slope;
        /* Bisection where that leaves the bracket or has stopped to gain. */
        if (!(at.slope > 0) || !(next > low && next < high) || fabs(next - x) > 0.5 * last) {
            next = 0.5 * low + 0.5 * high;
            last = high - low;
        } else {
            if (!is_secant && fabs(at.value) < LAST_VALUE)
                return next;
            last = fabs(next - x);
        }
        if (fabs(next - x) <= 2e-16 * fabs(x) || next == low || next == high)
            return next;
        x = next;
    }
    return x;
}

/* ---- normal ---- */

/* P(Z > z), z >= 0 */
static double normal_tail(double z)
{
    if (z > 40)
        return 0;
    double density = poly_exp(-0.5 * z * z) / SQRT_TWO_PI;
    if (z < 2.5) {
        /* 1/2 - density * (z + z^3/3 + z^5/15 + …) */
        double term = z, sum = z;
        for (int i = 1; i < 60; i++) {
            term *= z * z / (2 * i + 1);
            sum += term;
        }
        return 0.5 - density * sum;
    }
    /* density / (z + 1/(z + 2/(z + 3/(…)))) */
    double fraction = z;
    for (int i = 100; i > 0; i--)
        fraction = z + i / fraction;
    return density / fraction;
}

struct unit special_normal_cdf(double z)
{
    double tail = normal_tail(fabs(z));

    return z < 0 ? (struct unit){tail, 1 - tail} : (struct unit){1 - tail, tail};
}

double special_normal_quantile(struct unit unit)
{
    if (unit.p <= 0 || unit.q <= 0)
        return unit.p <= 0 ? -__builtin_inf() : __builtin_inf();
    return unit.p <= 0.5 ? poly_normal_quantile(unit.p) : -poly_normal_quantile(unit.q);
}

/* ---- gamma ---- */

/* x^a exp(-x) / Gamma(a) */
static double gamma_front(double a, double x)
{
    double t = (x - a) / a;

    return poly_sqrt(a) / SQRT_TWO_PI * poly_exp(a * log1pmx(t, x / a) - stirling_rest(a));
}

static double gamma_series(double a, double x)
{
    double term = 1, sum = 1;

    for (int i = 1; i < TERMS_MAX && term > EPSILON * sum; i++) {
        term *= x / (a + i);
        sum += term;
    }
    return sum / a;
}

static double away_from_zero(double x)
{
    return fabs(x) < TINY ? TINY : x;
}

/* Lentz's way through a continued fraction. */
static double gamma_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1 / TINY, d = 1 / away_from_zero(b), h = d;

    for (int i = 1; i < TERMS_MAX; i++) {
        double numerator = -i * (i - a);
        b += 2;
        d = 1 / away_from_zero(numerator * d + b);
        c = away_from_zero(b + numerator / c);
        h *= d * c;
        if (fabs(d * c - 1) < 1e-16)
            break;
    }
    return h;
}

struct unit special_gamma_cdf(double shape, double x, double *ret_density)
{
    double p, q;

    if (ret_density)
        *ret_density = 0;
    if (!(x > 0))
        return (struct unit){0, 1};
    if (x > 1e300)
        return (struct unit){1, 0};
    double front = gamma_front(shape, x);
    if (ret_density)
        *ret_density = front / x;
    if (shape > LARGE) {
        bool upper = x > shape - 1;
        struct tail tail = {shape - 1, 0, x, 1, 1, upper ? 1 : -1};
        double area = front / x * tail_area(&tail);
        return upper ? (struct unit){1 - area, area} : (struct unit){area, 1 - area};
    }
    if (x < shape + 1) {
        p = front * gamma_series(shape, x);
        q = 1 - p;
    } else {
        q = front * gamma_fraction(shape, x);
        p = 1 - q;
    }
    return (struct unit){p, q};
}

struct target {
    double a, b;
    struct unit unit; /* wanted */
    double log_unit;  /* of the smaller one */
};

static struct target target_of(double a, double b, struct unit unit)
{
    return (struct target){a, b, unit, poly_log(unit.p <= unit.q ? unit.p : unit.q)};
}

/* How far the probabilities at a point are from those wanted, as a growing function of it: the
 * logarithm of the smaller one. density is that of the point's own scale. */
static struct point miss(const struct target *target, struct unit at, double density)
{
    bool lower = target->unit.p <= target->unit.q;
    double area = lower ? at.p : at.q;

    if (!(area > 0))
        return (struct point){lower ? -1e3 : 1e3, 0};
    double value = poly_log(area) - target->log_unit;
    return (struct point){lower ? value : -value, density / area};
}

static struct point gamma_miss(const void *arg, double log_x)
{
    const struct target *target = arg;
    double x = poly_exp(log_x), density;
    struct unit at = special_gamma_cdf(target->a, x, &density);

    return miss(target, at, density * x);
}

double special_gamma_quantile(double shape, struct unit unit)
{
    struct target target = target_of(shape, 0, unit);

    if (!(unit.p > 0) || !(unit.q > 0))
        return unit.p > 0 ? __builtin_inf() : 0;
    /* Wilson and Hilferty, or the lower tail's first term where their cube is none. */
    double z = special_normal_quantile(unit);
    double root = 1 - 1 / (9 * shape) + z / (3 * poly_sqrt(shape));
    double first = (poly_log(unit.p) + special_lgamma(shape + 1)) / shape;
    double start = root > 0.2 ? poly_log(shape) + 3 * poly_log(root) : first;
    if (shape < 1 && unit.p < 0.5)
        start = first;
    if (first < -740)
        return poly_exp(first);
    return poly_exp(special_solve(gamma_miss, &target, -745, start, 709));
}

/* ---- beta ---- */

/* x^a (1 - x)^b / B(a, b) */
static double beta_front(double a, double b, struct unit at)
{
    double n = a + b;
    /* x - a/n without rounding a/n on the side where x is large */
    double gap = at.p <= at.q ? (at.p * n - a) / n : (b - at.q * n) / n;
    double exponent =
        a * log1pmx(gap * n / a, at.p * n / a) + b * log1pmx(-gap * n / b, at.q * n / b);

    exponent -= stirling_rest(a) + stirling_rest(b) - stirling_rest(n);
    return poly_sqrt(a / n * b) / SQRT_TWO_PI * poly_exp(exponent);
}

static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), h = d;

    for (int i = 1; i < TERMS_MAX; i++) {
        double even = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i));
        double odd = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1));
        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        h *= d * c;
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        h *= d * c;
        if (fabs(d * c - 1) < 1e-16)
            break;
    }
    return h;
}

struct unit special_beta_cdf(double a, double b, struct unit at, double *ret_density)
{
    if (ret_density)
        *ret_density = 0;
    if (!(at.p > 0) || !(at.q > 0))
        return at.p > 0 ? (struct unit){1, 0} : (struct unit){0, 1};
    double front = beta_front(a, b, at), area;
    if (ret_density)
        *ret_density = front / at.p / at.q;
    bool upper = at.p * (a + b + 2) > a + 1;
    if (a > LARGE && b > LARGE) {
        upper = at.p * (a + b - 2) > a - 1;
        struct tail tail = {a - 1, b - 1, at.p, at.q, 0, upper ? 1 : -1};
        area = front / at.p / at.q * tail_area(&tail);
    } else if (upper) {
        area = front * beta_fraction(b, a, at.q) / b;
    } else {
        area = front * beta_fraction(a, b, at.p) / a;
    }
    return upper ? (struct unit){1 - area, area} : (struct unit){area, 1 - area};
}

/* x and 1 - x of the logarithm of their ratio */
static struct unit of_logit(double logit)
{
    double small = poly_exp(-fabs(logit));
    struct unit unit = {small / (1 + small), 1 / (1 + small)};

    return logit < 0 ? unit : (struct unit){unit.q, unit.p};
}

static struct point beta_miss(const void *arg, double logit)
{
    const struct target *target = arg;
    struct unit x = of_logit(logit);
    double density;
    struct unit at = special_beta_cdf(target->a, target->b, x, &density);

    return miss(target, at, density * x.p * x.q);
}

struct unit special_beta_quantile(double a, double b, struct unit unit)
{
    struct target target = target_of(a, b, unit);

    if (!(unit.p > 0) || !(unit.q > 0))
        return unit.p > 0 ? (struct unit){1, 0} : (struct unit){0, 1};
    double z = special_normal_quantile(unit);
    double start = poly_log(a / b) + z * poly_sqrt(1 / a + 1 / b);
    if (a < 1 && unit.p < 0.5 * b / (a + b))
        start = (poly_log(unit.p) + poly_log(a) + special_lgamma(a) + special_lgamma(b) -
                 special_lgamma(a + b)) /
                a;
    else if (b < 1 && unit.q < 0.5 * a / (a + b))
        start = -(poly_log(unit.q) + poly_log(b) + special_lgamma(a) + special_lgamma(b) -
                  special_lgamma(a + b)) /
                b;
    return of_logit(special_solve(beta_miss, &target, -740, start, 740));
}

/* ---- Student's t ---- */

/* t > 0: the parts of t^2 / (df + t^2) */
static struct unit student_at(double df, double t)
{
    double ratio = t / poly_sqrt(df), square = ratio * ratio;

    if (ratio > 1e150)
        return (struct unit){1, 1 / ratio / ratio};
    return (struct unit){square / (1 + square), 1 / (1 + square)};
}

struct unit special_student_cdf(double df, double t)
{
    double square = t * t;

    if (t == 0)
        return (struct unit){0.5, 0.5};
    if (df > NORMAL_DF)
        return special_normal_cdf(
            t * (1 - (square + 1) / (4 * df) + ((13 * square + 8) * square + 3) / (96 * df * df)));
    /* of |T| */
    struct unit inside = special_beta_cdf(0.5, 0.5 * df, student_at(df, fabs(t)), NULL);
    double tail = 0.5 * inside.q, rest = 0.5 + 0.5 * inside.p;
    return t < 0 ? (struct unit){tail, rest} : (struct unit){rest, tail};
}

double special_student_quantile(double df, struct unit unit)
{
    bool lower = unit.p < unit.q;
    double tail = lower ? unit.p : unit.q;
    /* |T| is below the quantile with the probability 1 - 2 tail, exact near the middle. */
    struct unit inside = {2 * (0.5 - tail), 2 * tail};

    if (!(tail > 0))
        return lower ? -__builtin_inf() : __builtin_inf();
    if (!(inside.p > 0))
        return 0;
    if (df > NORMAL_DF) {
        double z = special_normal_quantile(unit), y = z * z;
        return z * (1 + (y + 1) / (4 * df) + ((5 * y + 16) * y + 3) / (96 * df * df));
    }
    struct unit square = special_beta_quantile(0.5, 0.5 * df, inside);
    double t = poly_sqrt(df) * poly_sqrt(square.p / square.q);
    return lower ? -t : t;
}
