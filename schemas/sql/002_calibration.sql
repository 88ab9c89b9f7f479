-- How good the predictions were: views over predictions and resolutions, from the rows up.

-- How each prediction came out, by the last word on it.
CREATE VIEW outcomes AS
SELECT DISTINCT ON (prediction_id) prediction_id, outcome, resolved_at, source, evidence, resolver
FROM resolutions
ORDER BY prediction_id, n DESC;

-- One row a question: the same text with the same horizon counts once, however often it was asked; by the first that
-- was resolved.
CREATE VIEW questions AS
SELECT DISTINCT ON (p.backtest, p.norm_hash, p.horizon_days)
    p.id, p.job, p.backtest, p.event_type, p.class, p.grade, p.extractor, p.created_at, p.horizon_at, p.p, p.q,
    p.base_rate, o.outcome, o.resolved_at
FROM predictions p LEFT JOIN outcomes o ON o.prediction_id = p.id
ORDER BY p.backtest, p.norm_hash, p.horizon_days, o.outcome IS NULL, p.created_at, p.id;

-- Each question in each of its groups. Log score in nats, with p kept off 0 and 1 by a millionth.
CREATE VIEW scored AS
SELECT q.backtest, g.facet, g.value, q.id, q.p, q.base_rate, q.outcome,
    (q.p - q.outcome) ^ 2 AS brier,
    (q.base_rate - q.outcome) ^ 2 AS base_brier,
    -(q.outcome * ln(c.p) + (1 - q.outcome) * ln(1 - c.p)) AS log_score,
    (q.q -> '50' ->> 0)::double precision AS low50, (q.q -> '50' ->> 1)::double precision AS high50,
    (q.q -> '80' ->> 0)::double precision AS low80, (q.q -> '80' ->> 1)::double precision AS high80,
    (q.q -> '95' ->> 0)::double precision AS low95, (q.q -> '95' ->> 1)::double precision AS high95
FROM questions q
CROSS JOIN LATERAL (SELECT greatest(1e-6, least(1 - 1e-6, q.p)) AS p) c
CROSS JOIN LATERAL (VALUES
    ('all', 'all'),
    ('class', q.class),
    ('type', q.event_type),
    ('grade', q.grade),
    ('extractor', q.extractor),
    ('month', to_char(q.created_at AT TIME ZONE 'UTC', 'YYYY-MM'))) AS g (facet, value);

-- The resolved questions of a group in ten bins of equal count, by p. Fewer than 30 say nothing: they are not shown.
CREATE VIEW calibration_bins AS
SELECT backtest, facet, value, bin, count(*) AS n, avg(p) AS p, avg(outcome) AS outcome,
    avg(low50) AS low50, avg(high50) AS high50, avg(low80) AS low80, avg(high80) AS high80,
    avg(low95) AS low95, avg(high95) AS high95
FROM (
    SELECT *, ntile(10) OVER (PARTITION BY backtest, facet, value ORDER BY p, id) AS bin,
        count(*) OVER (PARTITION BY backtest, facet, value) AS n_group
    FROM scored WHERE outcome IS NOT NULL) resolved
WHERE n_group >= 30
GROUP BY backtest, facet, value, bin;

-- A row a group. Murphy: brier = reliability - resolution + uncertainty, but for what the p of one bin differ among
-- themselves. An outcome is yes or no, so an interval of a probability is held against how often it was yes: coverage
-- is the share of questions in bins whose mean interval holds their mean outcome. skill: against saying the class's
-- base rate each time; skill_of_mean: against saying the mean of the outcomes, which nobody knew before.
CREATE VIEW calibration AS
SELECT w.backtest, w.facet, w.value, w.questions, w.n, w.n::double precision / w.questions AS resolved_share,
    CASE WHEN w.n >= 30 THEN w.mean_p END AS mean_p,
    CASE WHEN w.n >= 30 THEN w.mean_outcome END AS mean_outcome,
    CASE WHEN w.n >= 30 THEN w.brier END AS brier,
    CASE WHEN w.n >= 30 THEN w.log_score END AS log_score,
    b.reliability, b.resolution,
    CASE WHEN w.n >= 30 THEN w.uncertainty END AS uncertainty,
    b.ece, b.coverage50, b.coverage80, b.coverage95,
    CASE WHEN w.n >= 30 THEN 1 - w.brier / nullif(w.base_brier, 0) END AS skill,
    CASE WHEN w.n >= 30 THEN 1 - w.brier / nullif(w.uncertainty, 0) END AS skill_of_mean
FROM (
    SELECT backtest, facet, value, count(*) AS questions, count(outcome) AS n,
        avg(p) FILTER (WHERE outcome IS NOT NULL) AS mean_p, avg(outcome) AS mean_outcome,
        avg(brier) AS brier, avg(base_brier) AS base_brier, avg(log_score) AS log_score,
        var_pop(outcome) AS uncertainty
    FROM scored GROUP BY backtest, facet, value) w
LEFT JOIN LATERAL (
    SELECT sum(n * (p - outcome) ^ 2) / sum(n) AS reliability,
        sum(n * (outcome - w.mean_outcome) ^ 2) / sum(n) AS resolution,
        sum(n * abs(p - outcome)) / sum(n) AS ece,
        sum(CASE WHEN outcome BETWEEN low50 AND high50 THEN n ELSE 0 END)::double precision / sum(n) AS coverage50,
        sum(CASE WHEN outcome BETWEEN low80 AND high80 THEN n ELSE 0 END)::double precision / sum(n) AS coverage80,
        sum(CASE WHEN outcome BETWEEN low95 AND high95 THEN n ELSE 0 END)::double precision / sum(n) AS coverage95
    FROM calibration_bins
    WHERE (backtest, facet, value) = (w.backtest, w.facet, w.value)) b ON true;
