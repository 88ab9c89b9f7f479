/* How each distribution is drawn.
 *
 * Closed forms are tried by name and kept only if they agree with dist_quantile() at a row of
 * probes, so a distribution that has been changed (truncated, say) falls to a table by itself.
 * Tables are built from dist_quantile() alone: 32 cells an octave of min(u, 1 - u), down to 2^-17,
 * a cubic through four points of each cell (the ends are shared, so it is continuous). A cell whose
 * cubic is not near the truth holds not-a-number: such draws, and those deeper in the tails, are
 * dist_quantile() itself. For distributions that move in steps a cell holds its one step, found by
 * bisection, and is exact. */
#include "sampler.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>

#include "dist.h"
#include "dist_row.h"
#include "kernels.h"
#include "poly.h"

#define CELL_TOLERANCE 1e-6 /* of the spread of the middle half, or of the value */
#define PROBES 16           /* even: at 1/2 there is no cell */

enum way { WAY_CONSTANT, WAY_CLOSED, WAY_NORMAL, WAY_LOGNORMAL, WAY_TABLE, WAY_STEPS, WAY_COUNT_ };

static const char *const way_names[] = {
    "constant", "closed form", "normal table", "normal table and exp", "table", "steps"};
_Static_assert(ARRAY_SIZE(way_names) == WAY_COUNT_, "every way has a name");

struct sampler {
    const struct dist *dist; /* borrowed from sampler_new()'s caller */
    enum way way;
    size_t closed; /* into closed_forms */
    double parameters[DIST_PARAMETERS_MAX];
    const struct table_row *rows; /* ours for WAY_TABLE and WAY_STEPS */
};

/* Which kernel, and the resolved parameters in its order. Offsets, since the kernels are chosen at
 * run time. */
static const struct closed_form {
    const char *dist;
    const char *parameters[DIST_PARAMETERS_MAX];
    size_t kernel;
} closed_forms[] = {
    {"uniform",     {"min", "max"},         offsetof(struct kernels, uniform)    },
    {"triangular",  {"min", "mode", "max"}, offsetof(struct kernels, triangular) },
    {"exponential", {"rate"},               offsetof(struct kernels, exponential)},
    {"logistic",    {"mean", "scale"},      offsetof(struct kernels, logistic)   },
    {"pareto",      {"min", "alpha"},       offsetof(struct kernels, pareto)     },
    {"weibull",     {"shape", "scale"},     offsetof(struct kernels, weibull)    },
};

static kernel_draw_fn *closed_fn(const struct sampler *sampler)
{
    const char *at = (const char *)kernels() + closed_forms[sampler->closed].kernel;
    kernel_draw_fn *fn;

    memcpy(&fn, at, sizeof(fn));
    return fn;
}

/* ---- tables ---- */

typedef double quantile_fn(const void *arg, double u);

/* One distribution's quantiles while its table is made. */
struct builder {
    quantile_fn *quantile;
    const void *arg;
    double spread; /* of the middle half */
};

static double unit_at(bool upper, double m)
{
    return upper ? 1 - m : m;
}

/* The cubic through t = -1/2, -1/6, 1/6, 1/2, and whether it holds between them. */
static bool fit_cell(const struct builder *builder, bool upper, double start, double width,
                     const double ends[2], double *c)
{
    double y[4] = {ends[0], 0, 0, ends[1]};

    for (unsigned i = 1; i < 3; i++)
        y[i] = builder->quantile(builder->arg, unit_at(upper, start + width * i / 3));
    if (y[0] == y[1] && y[1] == y[2] && y[2] == y[3]) {
        c[0] = y[0];
        c[1] = c[2] = c[3] = 0;
        return isfinite(y[0]);
    }
    double outer = y[0] + y[3], inner = y[1] + y[2];
    double outer_difference = y[3] - y[0], inner_difference = y[2] - y[1];
    c[0] = (9 * inner - outer) / 16;
    c[2] = (outer - inner) * 9 / 4;
    c[3] = (outer_difference - 3 * inner_difference) * 9 / 2;
    c[1] = outer_difference - c[3] / 4;
    for (unsigned i = 0; i < 2; i++) {
        double t = i == 0 ? -1.0 / 3 : 1.0 / 3;
        double truth = builder->quantile(builder->arg, unit_at(upper, start + width * (t + 0.5)));
        double error = fabs(c[0] + t * (c[1] + t * (c[2] + t * c[3])) - truth);
        if (!(error <= CELL_TOLERANCE * (builder->spread + fabs(truth - y[0]))))
            return false;
    }
    return true;
}

/* The cells of a side in order of m = min(u, 1 - u). */
static double cell_start(unsigned cell)
{
    double octave = 0x1p-17;

    for (unsigned i = 0; i < cell / TABLE_OCTAVE_CELLS; i++)
        octave *= 2;
    return octave + octave / TABLE_OCTAVE_CELLS * (cell % TABLE_OCTAVE_CELLS);
}
_Static_assert(TABLE_OCTAVES == 16, "cell_start() begins at 2^-17");

static void no_cell(double *c)
{
    c[0] = c[1] = c[2] = c[3] = __builtin_nan("");
}

static struct table_row *new_rows(void)
{
    struct table_row *rows = aligned_alloc(64, (TABLE_ROWS * sizeof(rows[0]) + 63) / 64 * 64);

    if (!rows)
        abort();
    return rows;
}

static struct table_row *table_new(const struct builder *builder)
{
    struct table_row *rows = new_rows();

    for (unsigned side = 0; side < 2; side++) {
        struct table_row *at = rows + side * TABLE_SIDE_ROWS;
        double ends[2] = {0, builder->quantile(builder->arg, unit_at(side, cell_start(0)))};
        no_cell(at[0].c);
        for (unsigned cell = 0; cell < TABLE_SIDE_ROWS - 1; cell++) {
            double start = cell_start(cell), end = cell_start(cell + 1);
            ends[0] = ends[1];
            ends[1] = builder->quantile(builder->arg, unit_at(side, end));
            if (!fit_cell(builder, side, start, end - start, ends, at[cell + 1].c))
                no_cell(at[cell + 1].c);
        }
    }
    return rows;
}

/* {u of the step, value below, value from there on}; not-a-number when there are two steps. */
static void fit_step(const struct builder *builder, double low, double high, double *c)
{
    double below = builder->quantile(builder->arg, low),
           above = builder->quantile(builder->arg, high);

    c[0] = high;
    c[1] = below;
    c[2] = above;
    c[3] = 0;
    while (below != above) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high)
            break;
        double value = builder->quantile(builder->arg, middle);
        if (value == below) {
            low = middle;
        } else if (value == above) {
            high = middle;
        } else {
            no_cell(c);
            return;
        }
    }
    c[0] = high;
}

static struct table_row *steps_new(const struct builder *builder)
{
    struct table_row *rows = new_rows();

    for (unsigned side = 0; side < 2; side++) {
        struct table_row *at = rows + side * TABLE_SIDE_ROWS;
        no_cell(at[0].c);
        for (unsigned cell = 0; cell < TABLE_SIDE_ROWS - 1; cell++) {
            double a = unit_at(side, cell_start(cell)), b = unit_at(side, cell_start(cell + 1));
            fit_step(builder, a < b ? a : b, a < b ? b : a, at[cell + 1].c);
        }
    }
    return rows;
}

/* ---- the standard normal, made once a process ---- */

static double standard_normal(const void *arg, double u)
{
    (void)arg;
    return poly_normal_quantile(u);
}

static const struct table_row *normal_rows;

static void make_normal_rows(void)
{
    normal_rows = table_new(&(struct builder){standard_normal, NULL, 1});
}

static const struct table_row *normal_table(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make_normal_rows);
    return normal_rows;
}

/* ---- which way ---- */

static double truth_of(const void *arg, double u)
{
    return dist_quantile(arg, u);
}

/* The resolved parameters of these names, in their order. */
static bool take_parameters(struct sampler *sampler, const char *const *names)
{
    const struct dist_row *row = sampler->dist->row;

    for (size_t i = 0; i < DIST_PARAMETERS_MAX && names[i]; i++) {
        size_t j = 0;
        while (j < DIST_PARAMETERS_MAX && row->resolved[j] &&
               strcmp(row->resolved[j], names[i]) != 0)
            j++;
        if (j == DIST_PARAMETERS_MAX || !row->resolved[j])
            return false;
        sampler->parameters[i] = sampler->dist->parameters[j];
    }
    return true;
}

static void draw_fast(const struct sampler *sampler, const double *u, double *x, size_t n)
{
    const struct kernels *set = kernels();
    const double *p = sampler->parameters;

    switch (sampler->way) {
    case WAY_CONSTANT:
        for (size_t i = 0; i < n; i++)
            x[i] = p[0];
        break;
    case WAY_CLOSED: closed_fn(sampler)(p, u, x, n); break;
    case WAY_NORMAL: set->table(sampler->rows, p[0], p[1], u, x, n); break;
    case WAY_LOGNORMAL:
        set->table(sampler->rows, p[0], p[1], u, x, n);
        set->power_of_e(p, u, x, n);
        break;
    case WAY_TABLE: set->table(sampler->rows, 0, 1, u, x, n); break;
    case WAY_STEPS: set->steps(sampler->rows, u, x, n); break;
    case WAY_COUNT_: assert(false);
    }
}

/* The way chosen gives the distribution's own quantiles. */
static bool agrees(const struct sampler *sampler)
{
    double u[PROBES + KERNEL_PAD], x[PROBES + KERNEL_PAD];
    double spread = dist_quantile(sampler->dist, 0.75) - dist_quantile(sampler->dist, 0.25);

    for (unsigned i = 0; i < ARRAY_SIZE(u); i++)
        u[i] = (i % PROBES + 0.5) / PROBES;
    draw_fast(sampler, u, x, PROBES);
    for (unsigned i = 0; i < PROBES; i++) {
        double truth = dist_quantile(sampler->dist, u[i]);
        if (!(fabs(x[i] - truth) <= 1e-7 * (spread + fabs(truth))))
            return false;
    }
    return true;
}

static bool try_normal(struct sampler *sampler)
{
    static const char *const normal[DIST_PARAMETERS_MAX] = {"mean", "sd"};
    static const char *const lognormal[DIST_PARAMETERS_MAX] = {"mu", "sigma"};
    const char *name = sampler->dist->row->name;

    if (strcmp(name, "normal") == 0 && take_parameters(sampler, normal))
        sampler->way = WAY_NORMAL;
    else if (strcmp(name, "lognormal") == 0 && take_parameters(sampler, lognormal))
        sampler->way = WAY_LOGNORMAL;
    else
        return false;
    sampler->rows = normal_table();
    return agrees(sampler);
}

static bool try_closed(struct sampler *sampler)
{
    sampler->way = WAY_CLOSED;
    for (size_t i = 0; i < ARRAY_SIZE(closed_forms); i++) {
        sampler->closed = i;
        if (strcmp(closed_forms[i].dist, sampler->dist->row->name) == 0)
            return take_parameters(sampler, closed_forms[i].parameters) && agrees(sampler);
    }
    return false;
}

struct sampler *sampler_new(const struct dist *dist)
{
    struct sampler *sampler = xcalloc(1, sizeof(*sampler));
    struct builder builder = {truth_of, dist, 0};

    sampler->dist = dist;
    if (dist_is_constant(dist)) {
        sampler->way = WAY_CONSTANT;
        sampler->parameters[0] = dist_quantile(dist, 0.5);
        return sampler;
    }
    /* A cut in the far tail would not show at the probes. */
    if (!dist->truncated && (try_normal(sampler) || try_closed(sampler)))
        return sampler;
    builder.spread = dist_quantile(dist, 0.75) - dist_quantile(dist, 0.25);
    sampler->way = dist_is_discrete(dist) ? WAY_STEPS : WAY_TABLE;
    sampler->rows = sampler->way == WAY_STEPS ? steps_new(&builder) : table_new(&builder);
    return sampler;
}

struct sampler *sampler_free(struct sampler *sampler)
{
    if (sampler && (sampler->way == WAY_TABLE || sampler->way == WAY_STEPS)) {
        union {
            const struct table_row *read;
            struct table_row *own;
        } rows = {sampler->rows};
        free(rows.own);
    }
    free(sampler);
    return NULL;
}

const char *sampler_way(const struct sampler *sampler)
{
    return way_names[sampler->way];
}

void sampler_block(const struct sampler *sampler, const double *u, double *x, size_t n)
{
    draw_fast(sampler, u, x, n);
    if (sampler->way < WAY_NORMAL || kernels()->all_finite(x, n))
        return;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            x[i] = dist_quantile(sampler->dist, u[i]);
}
