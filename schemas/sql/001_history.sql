-- What the fleet has done: finished jobs, what they cost, what was predicted and how it came out.
-- The archivist writes all but the resolutions; `parley resolve` writes those.

CREATE TABLE jobs (
    id          text PRIMARY KEY,         -- as doors and logs show it
    kind        text NOT NULL,
    tenant      text NOT NULL,
    state       text NOT NULL,            -- succeeded, failed, cancelled, expired
    attempts    integer,
    created_at  timestamptz,
    started_at  timestamptz,
    ended_at    timestamptz,
    cost_usd    numeric(14, 6) NOT NULL,  -- what is in doubt included
    usage       json,
    request     json,                     -- json, not jsonb: the very bytes, and any text JSON can hold
    result      json,
    error       json,
    entry       text NOT NULL,            -- of the stream "history"
    whole       boolean NOT NULL,         -- false: Redis had forgotten the job's record when it was copied
    archived_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON jobs (ended_at);
CREATE INDEX ON jobs (tenant, ended_at);

-- One row for each model that a job asked. What cannot be assigned to one, since its answers are gone or were never
-- kept, has provider and model '': the rows of a job always add up to its usage.
CREATE TABLE bills (
    job             text NOT NULL REFERENCES jobs,
    provider        text NOT NULL,
    model           text NOT NULL,
    tenant          text NOT NULL,
    kind            text NOT NULL,
    calls           bigint NOT NULL,
    input_tokens    bigint NOT NULL,
    output_tokens   bigint NOT NULL,
    cost_usd        numeric(14, 6) NOT NULL,
    uncertain_calls bigint NOT NULL DEFAULT 0,  -- in flight when a worker died: at most so many and so much more
    uncertain_usd   numeric(14, 6) NOT NULL DEFAULT 0,
    ended_at        timestamptz,
    PRIMARY KEY (job, provider, model)
);
CREATE INDEX ON bills (tenant, ended_at);

CREATE TABLE predictions (
    id           uuid PRIMARY KEY,      -- the job's 128 bits
    job          text NOT NULL UNIQUE REFERENCES jobs,
    norm_hash    bytea NOT NULL,        -- SHA-256 of the normalised goal and context
    event_type   text NOT NULL,
    class        text NOT NULL,         -- of reference, in the registry
    horizon_days double precision NOT NULL,
    horizon_at   timestamptz NOT NULL,
    p            double precision NOT NULL CHECK (p BETWEEN 0 AND 1),
    q            jsonb NOT NULL,        -- {"50": [low, high], "80": …, "95": …}
    base_rate    double precision NOT NULL CHECK (base_rate BETWEEN 0 AND 1),  -- the class's, turned when negated
    grade        text NOT NULL,
    degraded     boolean NOT NULL,
    extractor    text NOT NULL,
    registry     text NOT NULL,
    engine       text NOT NULL,
    backtest     boolean NOT NULL,      -- asked when the outcome was known already
    created_at   timestamptz NOT NULL
);
CREATE INDEX ON predictions (norm_hash, horizon_days);
CREATE INDEX ON predictions (horizon_at);

-- How predictions came out. A correction is one more row: the last of a prediction counts, none is ever changed.
CREATE TABLE resolutions (
    n             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prediction_id uuid NOT NULL REFERENCES predictions,
    outcome       double precision NOT NULL CHECK (outcome BETWEEN 0 AND 1),
    resolved_at   timestamptz NOT NULL DEFAULT now(),
    source        text NOT NULL CHECK (source <> ''),
    evidence      text,
    resolver      text NOT NULL
);
CREATE INDEX ON resolutions (prediction_id, n);

CREATE FUNCTION resolutions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'resolutions are never changed: add a row that corrects it'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER stay BEFORE UPDATE OR DELETE OR TRUNCATE ON resolutions
    FOR EACH STATEMENT EXECUTE FUNCTION resolutions_stay();

-- What could not be taken over: why, and where it can still be looked at for as long as Redis keeps the job.
CREATE TABLE refused (
    entry      text PRIMARY KEY,  -- of the stream "history"
    job        text NOT NULL,
    state      text NOT NULL,     -- SQLSTATE
    reason     text NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now()
);
