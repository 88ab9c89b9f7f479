#pragma once
/* Elementary functions with a written operation order: only + - * / and sqrt, which IEEE 754 rounds
 * exactly, so every machine gives the same bits. Relative error below 1e-15. */

double poly_exp(double x);             /* 0 below -745, +infinity above 709.78 */
double poly_log(double x);             /* NaN below 0, -infinity at 0 */
double poly_power(double x, double y); /* as C's pow(); x < 0 needs a whole y */
double poly_sqrt(double x);
double poly_floor(double x);
double poly_round(double x); /* halves away from 0 */
double poly_log10(double x); /* exact at whole powers of ten */
/* Reduced by the bits of 2/pi, so that every finite x is good. NaN at infinity. */
double poly_sin(double x);
double poly_cos(double x);
double poly_tan(double x);
double poly_atan(double x);
double poly_normal_quantile(double u); /* 0 < u < 1 */
