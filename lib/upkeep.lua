
------------------------------------------------------------------------------------ housekeeping

local MAX_DUE = '100'                  -- a tick looks at so many of each sort
local MAX_FLOWS = 1000
local DISCONNECTED = '{"code":"cancelled","message":"disconnected: nobody reads the job any more"}'

-- The ids whose time in {<stream>}:<what> has come; they are taken out.
local function take_due(stream, what, now)
  local due = redis.call('ZRANGEBYSCORE', side(stream, what), '-inf', now, 'LIMIT', '0', MAX_DUE)
  for _, id in ipairs(due) do redis.call('ZREM', side(stream, what), id) end
  return due
end

-- A delayed job may run now.
local function release(stream, id, at, now)
  local key = 'job:' .. id
  local job = load(key)
  if job.state ~= 'waiting' and job.state ~= 'retrying' then return end
  redis.call('HSET', key, 'state', 'queued', 'seq', job.seq + 1)
  redis.call('HDEL', key, 'waiting')
  emit(id, job.seq + 1, at, job.attempt or 0, 'job.queued', queued_tail(stream, job.priority))
  queue_job(stream, job.tenant, id, job.priority, string.format('%d', now), '0')
  wake(stream)
end

-- A job that does not run ends when its time is up; a running one is ended by its worker, which knows the same time.
local function expire(stream, id, at, now)
  local job = load('job:' .. id)
  if not LIVE[job.state] or job.state == 'running' or job.state == 'cancelling' then return end
  local over = deadline_of(job)
  if over and over <= now then
    end_unowned(stream, id, job, 'expired', at, DEADLINE)
  elseif over then
    redis.call('HSET', 'job:' .. id, 'timed', '1', 'rare', '1')
    redis.call('ZADD', side(stream, 'deadlines'), over, id)
  end
end

-- The jobs whose deadline is the kind's stand in the register in its order: each is looked at once when it passes.
local function expire_oldest(stream, at, now, deadline_ms)
  local walked = side(stream, 'walked')
  local from = redis.call('GET', walked)
  local old = redis.call('XRANGE', stream, from and '(' .. from or '-', string.format('%d', now - deadline_ms), 'COUNT',
    MAX_DUE)
  for _, entry in ipairs(old) do expire(stream, entry[2][2], at, now) end
  if #old > 0 then redis.call('SET', walked, old[#old][1]) end
end

-- Tenants held back by a cap that was raised meanwhile, and tags of the past.
local function tidy(stream)
  for _, tenant in ipairs(redis.call('SMEMBERS', side(stream, 'capped'))) do
    local cap = tonumber(redis.call('HGET', 'tenant:' .. tenant, 'max_running') or 0) or 0
    if cap <= 0 or cap > tonumber(redis.call('HGET', side(stream, 'running'), tenant) or 0) then
      redis.call('SREM', side(stream, 'capped'), tenant)
      get_in_line(stream, tenant)
      wake(stream)
    end
  end
  if redis.call('HLEN', side(stream, 'flows')) > MAX_FLOWS then
    local flows = redis.call('HGETALL', side(stream, 'flows'))
    local time = tonumber(redis.call('HGET', side(stream, 'flows'), '') or 0)
    for i = 1, #flows, 2 do
      if flows[i] ~= '' and tonumber(flows[i + 1]) <= time then redis.call('HDEL', side(stream, 'flows'), flows[i]) end
    end
  end
end

local MAX_TOLD = '99'   -- of a tenant's next jobs, rank

-- The next jobs of tenants that run as many as they may are told so, once while they wait: a fence is a wait.
local function tell_capped(stream, at)
  for _, tenant in ipairs(redis.call('SMEMBERS', side(stream, 'capped'))) do
    local cap = redis.call('HGET', 'tenant:' .. tenant, 'max_running')
    local facts = '"reason":"tenant_limit","in_use":' .. (redis.call('HGET', side(stream, 'running'), tenant) or '0') ..
      ',"limit":' .. cap .. ',"ahead":'
    for i, id in ipairs(redis.call('ZRANGE', queue_of(stream, tenant), '0', MAX_TOLD)) do
      local job = redis.call('HMGET', 'job:' .. id, 'state', 'seq', 'attempt', 'fence', 'told', 'kin')
      local fence, is_child = job[4] or '0', job[6] and job[6] ~= '-'
      if job[1] == 'queued' and job[5] ~= fence and not is_child then
        redis.call('HSET', 'job:' .. id, 'seq', job[2] + 1, 'told', fence)
        emit(id, job[2] + 1, at, job[3] or '0', 'job.waiting', facts .. digits(i - 1))
      end
    end
  end
end

-- KEYS stream   ARGV at, the kind's deadline ms   -> ms until the next is due, -1 = nothing is
local function tick(K, A)
  local stream, now, next_ms = K[1], now_ms(), -1
  for _, id in ipairs(take_due(stream, 'deadlines', now)) do expire(stream, id, A[1], now) end
  expire_oldest(stream, A[1], now, tonumber(A[2]))
  for _, id in ipairs(take_due(stream, 'attended', now)) do cancel_job(id, load('job:' .. id), A[1], DISCONNECTED) end
  for _, id in ipairs(take_due(stream, 'delayed', now)) do release(stream, id, A[1], now) end
  tidy(stream)
  tell_capped(stream, A[1])
  for _, what in ipairs({'delayed', 'deadlines', 'attended'}) do
    local first = redis.call('ZRANGE', side(stream, what), '0', '0', 'WITHSCORES')
    local ms = first[2] and math.max(0, math.ceil(first[2] - now))
    if ms and (next_ms < 0 or ms < next_ms) then next_ms = ms end
  end
  return next_ms
end

-- KEYS stream   ARGV idle ms   Removes consumers that have nothing and said nothing for so long: dead workers' names.
local function sweep(K, A)
  local n = 0
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', K[1], GROUP)) do
    if consumer[4] == 0 and consumer[6] >= tonumber(A[1]) then   -- name, pending, idle: values at 2, 4, 6
      redis.call('XGROUP', 'DELCONSUMER', K[1], GROUP, consumer[2])
      n = n + 1
    end
  end
  return n
end

register('tick', tick, {'allow-oom'})
register('sweep', sweep, {'allow-oom'})
