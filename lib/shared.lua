
------------------------------------------------------------------------------------ shared

-- What jobs share and what changes with time: a hash by name with a value and its rank. A job that depends on it pins
-- it: it becomes one of the job's remembered answers, and no attempt sees a later one.

-- KEYS job, steps, name   ARGV key   -> what is remembered under the key; nil when the job is over
local function pin(K, A)
  return remember(K, {A[1], redis.call('HGET', K[3], 'value') or '{}'})
end

-- KEYS name   ARGV rank, value   -> the value that counts: the last one of the highest rank
local function publish(K, A)
  local now = redis.call('HMGET', K[1], 'rank', 'value')
  if now[1] and now[1] > A[1] then return now[2] end
  redis.call('HSET', K[1], 'rank', A[1], 'value', A[2])
  return A[2]
end

register('pin', pin, {'allow-oom'})
register('publish', publish, {'allow-oom'})
