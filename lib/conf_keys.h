#pragma once
/* Every PARLEY_ variable that any program of ours reads. One environment serves them all, so each
 * program must know the others' keys to tell a misspelt one. Whoever adds a row to a program's
 * table adds its key here; conf_load() refuses to start otherwise. Keys of other names
 * (ANTHROPIC_API_KEY) need no row.
 *
 * X(key, secret): a secret may be given as <key>_FILE too. */

#define CONF_PROVIDER_KEYS(X, P)                                                                   \
    X("PARLEY_" P "_BASE_URL", false)                                                              \
    X("PARLEY_" P "_MODEL", false)                                                                 \
    X("PARLEY_" P "_WIRE", false)                                                                  \
    X("PARLEY_" P "_CONCURRENCY", false)                                                           \
    X("PARLEY_" P "_RPM", false)                                                                   \
    X("PARLEY_" P "_TPM", false)

#define CONF_KEYS(X)                                                                               \
    X("PARLEY_LISTEN", false)                                                                      \
    X("PARLEY_REUSE_PORT", false)                                                                  \
    X("PARLEY_KEY_PEPPER", true)                                                                   \
    X("PARLEY_CORS_ORIGINS", false)                                                                \
    X("PARLEY_TRUSTED_PROXIES", false)                                                             \
    X("PARLEY_ADDRESS_RATE", false)                                                                \
    X("PARLEY_API_KEY", true)                                                                      \
    X("PARLEY_PORT_FILE", false)                                                                   \
    X("PARLEY_METRICS_LISTEN", false)                                                              \
    X("PARLEY_QUEUE_CAP", false)                                                                   \
    X("PARLEY_TENANT_CAP", false)                                                                  \
    X("PARLEY_MAX_CONNECTIONS", false)                                                             \
    X("PARLEY_ADDRESS_CONNECTIONS", false)                                                         \
    X("PARLEY_MAX_HEAD_BYTES", false)                                                              \
    X("PARLEY_MAX_UNSENT_BYTES", false)                                                            \
    X("PARLEY_HEAD_TIMEOUT", false)                                                                \
    X("PARLEY_BODY_TIMEOUT", false)                                                                \
    X("PARLEY_IDLE_TIMEOUT", false)                                                                \
    X("PARLEY_WRITE_TIMEOUT", false)                                                               \
    X("PARLEY_IDEMPOTENCY_TTL", false)                                                             \
    X("PARLEY_DISCONNECT_GRACE", false)                                                            \
    X("PARLEY_DRAIN", false)                                                                       \
    X("PARLEY_LOG_FORMAT", false)                                                                  \
    X("PARLEY_LOG", false)                                                                         \
    X("PARLEY_WORKER_NAME", false)                                                                 \
    X("PARLEY_STATE_DIR", false)                                                                   \
    X("PARLEY_CONCURRENCY", false)                                                                 \
    X("PARLEY_LEASE", false)                                                                       \
    X("PARLEY_GHOST_AFTER", false)                                                                 \
    X("PARLEY_THREADS", false)                                                                     \
    X("PARLEY_SPLIT_UNITS", false)                                                                 \
    X("PARLEY_NAME_SERVERS", false)                                                                \
    X("PARLEY_FAILPOINT", false)                                                                   \
    X("PARLEY_FRED_BASE_URL", false)                                                               \
    X("PARLEY_FRED_CONCURRENCY", false)                                                            \
    X("PARLEY_FRED_RPM", false)                                                                    \
    X("PARLEY_PROVIDERS", false)                                                                   \
    X("PARLEY_EMBEDDINGS", false)                                                                  \
    X("PARLEY_PERSONAS", false)                                                                    \
    X("PARLEY_PRICES", false)                                                                      \
    X("PARLEY_TENANT_BUDGET_USD_DAY", false)                                                       \
    X("PARLEY_DATABASE_URL", true)                                                                 \
    X("PARLEY_REDIS", false)                                                                       \
    X("PARLEY_URL", false)                                                                         \
    X("PARLEY_REHEARSAL_URL", false)                                                               \
    X("PARLEY_PIDS", false)                                                                        \
    CONF_PROVIDER_KEYS(X, "ANTHROPIC")                                                             \
    CONF_PROVIDER_KEYS(X, "OPENAI")                                                                \
    CONF_PROVIDER_KEYS(X, "GROQ")                                                                  \
    CONF_PROVIDER_KEYS(X, "XAI")                                                                   \
    CONF_PROVIDER_KEYS(X, "COMPATIBLE")
