
------------------------------------------------------------------------------------ rates
-- <rate>   string: the time in us at which the bucket will be full again (GCRA); gone when it is
--
-- A bucket holds `burst` and gains one an interval. Redis' own clock counts, so that all doors agree.

do

-- KEYS n rates, then enqueue's   ARGV n, interval us and burst of each, then enqueue's
-- -> {"RATE", "", number of the rate that refuses (from 0), ms until it would not}: nothing was taken from any
--  | enqueue's two words, what is left in the first bucket, ms until that is full
local function enqueue_rated(K, A)
  local n, t, full = tonumber(A[1]), redis.call('TIME'), {}
  local now = t[1] * 1000000 + t[2]
  for i = 1, n do
    local interval, burst = tonumber(A[2 * i]), tonumber(A[2 * i + 1])
    full[i] = math.max(tonumber(redis.call('GET', K[i]) or now), now) + interval
    local early = full[i] - now - interval * burst
    if early > 0 then return {'RATE', '', tostring(i - 1), string.format('%d', math.ceil(early / 1000))} end
  end
  for i = 1, n do
    redis.call('SET', K[i], string.format('%.0f', full[i]), 'PX', math.ceil((full[i] - now) / 1000))
  end
  local reply = enqueue({unpack(K, n + 1)}, {unpack(A, 2 * n + 2)})
  local interval, burst = tonumber(A[2]), tonumber(A[3])
  return {reply[1], reply[2], string.format('%d', math.floor(burst - (full[1] - now) / interval)),
    string.format('%d', math.ceil((full[1] - now) / 1000))}
end

register('enqueue_rated', enqueue_rated, {})

end
