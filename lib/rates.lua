
------------------------------------------------------------------------------------ rates
-- rate:<tenant>:<kind>:<name>, rate:@<address>   string: the time in us at which the bucket will be full again (GCRA);
--                                                gone when it is
-- tenant:<t>                                     rate:<kind>:<name>: "<interval us>/<burst>" of the tenant's own instead
--                                                of the kind's; "0/0" = no limit
--
-- A bucket holds `burst` and gains one an interval. Redis' own clock counts, so that all doors agree.

do

-- What the caller says, or what the tenant has of its own.
local function rate_of(key, tenant, interval, burst)
  local name = string.match(key, '^rate:[^@:][^:]*:(.+)$')
  local own = name and redis.call('HGET', tenant, 'rate:' .. name)
  if own then interval, burst = string.match(own, '^(%d+)/(%d+)$') end
  return tonumber(interval) or 0, tonumber(burst) or 0
end

-- What an answer says of a bucket.
local function state_of(bucket, left, ms)
  return tostring(bucket.number), digits(left), digits(ms), digits(bucket.interval), digits(bucket.burst)
end

-- KEYS n rates, then enqueue's   ARGV n, interval us and burst of each, then enqueue's
-- -> enqueue's two words or {"RATE", ""}, and where a bucket counted: its number (from 0; of the one that refuses, else of
-- the first), what is left in it, ms until it would not refuse or until it is full, its interval us, its burst. Where
-- one refuses, nothing was taken from any.
local function enqueue_rated(K, A)
  local n, t, buckets = tonumber(A[1]), redis.call('TIME'), {}
  local now = t[1] * 1000000 + t[2]
  for i = 1, n do
    local interval, burst = rate_of(K[i], K[n + 3], A[2 * i], A[2 * i + 1])
    if burst > 0 then
      local full = math.max(tonumber(redis.call('GET', K[i]) or now), now) + interval
      local bucket = {key = K[i], number = i - 1, interval = interval, burst = burst, full = full}
      local early = full - now - interval * burst
      if early > 0 then return {'RATE', '', state_of(bucket, 0, math.ceil(early / 1000))} end
      buckets[#buckets + 1] = bucket
    end
  end
  for _, bucket in ipairs(buckets) do
    redis.call('SET', bucket.key, string.format('%.0f', bucket.full), 'PX', math.ceil((bucket.full - now) / 1000))
  end
  local reply, first = enqueue({unpack(K, n + 1)}, {unpack(A, 2 * n + 2)}), buckets[1]
  if not first then return reply end
  return {reply[1], reply[2], state_of(first, math.floor(first.burst - (first.full - now) / first.interval),
    math.ceil((first.full - now) / 1000))}
end

register('enqueue_rated', enqueue_rated, {})

end
