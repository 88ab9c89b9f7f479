
------------------------------------------------------------------------------------ the queue, and what doors do to it

local MAX_LISTED = 10000
local CLASSES = {high = '1', normal = '2', low = '3'}

-- Wakes the least loaded worker that asked for work; PUBLISH counts receivers, so a dead one is skipped.
local function wake(stream)
  for _ = 1, 16 do
    local worker = redis.call('ZPOPMIN', side(stream, 'hungry'))[1]
    if not worker or redis.call('PUBLISH', 'w:' .. worker, 'claim') > 0 then return end
  end
end

-- A tenant that has something to run gets in line: at the virtual time, or at its own next tag if that is later.
local function get_in_line(stream, tenant)
  local fair = side(stream, 'fair')
  if redis.call('ZSCORE', fair, tenant) then return end
  local tags = redis.call('HMGET', side(stream, 'flows'), '', tenant)
  redis.call('ZADD', fair, math.max(tonumber(tags[1] or 0), tonumber(tags[2] or 0)), tenant)
end

-- Among its tenant's jobs: by priority, then by time. The score is written as digits: class, ms (13 until 2286), and
-- two of the number within it; exact in a double.
local function queue_job(stream, tenant, id, priority, ms, number)
  number = #number > 2 and '99' or #number == 2 and number or '0' .. number
  redis.call('ZADD', queue_of(stream, tenant), CLASSES[priority] .. ms .. number, id)
  get_in_line(stream, tenant)
end

-- Takes a job out of everything it may wait in.
local function unqueue(stream, id, job)
  local of = queue_of(stream, job.tenant)
  if redis.call('ZREM', of, id) == 1 and redis.call('EXISTS', of) == 0 then
    redis.call('ZREM', side(stream, 'fair'), job.tenant)
  end
  redis.call('ZREM', side(stream, 'delayed'), id)
end

-- n jobs of the tenant run no more; if it was held back by its cap, it gets in line again.
local function stops_running(stream, tenant, n)
  if redis.call('HINCRBY', side(stream, 'running'), tenant, '-' .. digits(n)) <= 0 then
    redis.call('HDEL', side(stream, 'running'), tenant)
  end
  if redis.call('SREM', side(stream, 'capped'), tenant) == 1 then
    get_in_line(stream, tenant)
    wake(stream)
  end
end

-- KEYS stream, job, tenant, [idempotency record]
-- ARGV id, tenant, kind, at, payload, body hash, idempotency ttl ms, queue cap, tenant cap, deadline ms (0 none),
--   [priority, not before ms (0: now), the same as text, on disconnect cancel|continue, the kind's deadline ms],
--   [bytes of its log, '' the usual], [trace, '' none], ['watched': who enqueues it reads it already]
local function enqueue(K, A)
  local id, tenant, priority, until_ms = A[1], A[2], A[11] or 'normal', tonumber(A[12] or 0)
  if K[4] then
    local known = redis.call('GET', K[4])
    if known then
      local space = string.find(known, ' ', 1, true)
      local same = string.sub(known, space + 1) == A[6]
      return {same and 'DUPLICATE' or 'REUSED', string.sub(known, 1, space - 1)}
    end
  end
  if redis.call('XLEN', K[1]) >= tonumber(A[8]) then return {'FULL', ''} end
  local limits = redis.call('HMGET', K[3], 'open', 'max_open')
  if tonumber(limits[1] or 0) >= tonumber(limits[2] or A[9]) then return {'LIMIT', ''} end

  local entry = redis.call('XADD', K[1], '*', 'job', id, 'tenant', tenant)
  local ms, number = time_of(entry)    -- Redis' clock
  local late = until_ms > tonumber(ms)
  local timed = A[10] ~= '0' and (late or A[10] ~= A[15])
  redis.call('HSET', K[2], 'kind', A[3], 'tenant', tenant, 'state', late and 'waiting' or 'queued', 'payload', A[5],
    'created_at', A[4], 'entry', entry, 'seq', late and '2' or '1', 'deadline_ms', A[10])
  if priority ~= 'normal' then redis.call('HSET', K[2], 'priority', priority) end
  if A[16] and A[16] ~= '' then redis.call('HSET', K[2], 'max_log', A[16]) end
  if A[17] and A[17] ~= '' then redis.call('HSET', K[2], 'trace', A[17]) end
  if A[14] == 'cancel' then redis.call('HSET', K[2], 'on_disconnect', 'cancel') end
  if timed then
    redis.call('HSET', K[2], 'timed', '1', 'rare', '1')
    redis.call('ZADD', side(K[1], 'deadlines'), (late and until_ms or ms) + A[10], id)
  end
  redis.call('HINCRBY', K[3], 'open', '1')
  if K[4] then redis.call('SET', K[4], id .. ' ' .. A[6], 'PX', A[7]) end
  redis.call('ZADD', K[3] .. ':jobs', '0', id)
  if number == '0' and ms % 8 == 0 then   -- now and then is enough
    redis.call('ZREMRANGEBYRANK', K[3] .. ':jobs', '0', -MAX_LISTED - 1)
  end
  if A[18] == 'watched' then redis.call('PUBLISH', 'ev:' .. id, first_event(id, K[1], A[4], priority)) end
  if late then
    local waiting = '"reason":"not_before","until":"' .. A[13] .. '"'
    redis.call('HSET', K[2], 'waiting', '{' .. waiting .. '}', 'since_ms', A[12], 'rare', '1')
    emit(id, 2, A[4], '0', 'job.waiting', waiting)
    redis.call('ZADD', side(K[1], 'delayed'), A[12], id)
  else
    queue_job(K[1], tenant, id, priority, ms, number)
    wake(K[1])
  end
  return {'OK', id}
end

-- KEYS tenant's list   ARGV before ('' = newest), count, fields…   -> {id, field values…}*
local function list(K, A)
  local from = A[1] == '' and '+' or '(' .. A[1]
  local out, fields = {}, {unpack(A, 3)}
  for _, id in ipairs(redis.call('ZREVRANGEBYLEX', K[1], from, '-', 'LIMIT', 0, A[2])) do
    local job = redis.call('HMGET', 'job:' .. id, unpack(fields))
    if job[1] then
      out[#out + 1] = id
      out[#out + 1] = job
    else
      redis.call('ZREM', K[1], id)
    end
  end
  return out
end

-- KEYS jobs…   ARGV grace ms; 0 = whoever read them has what he wanted
-- Somebody reads these jobs, or has just left: those that are to be cancelled on a disconnect go on for the grace.
local function attend(K, A)
  local now = now_ms()
  for _, key in ipairs(K) do
    local job = redis.call('HMGET', key, 'kind', 'state', 'on_disconnect')
    if job[3] == 'cancel' then
      local attended, id = side(job[1] .. '.requests', 'attended'), string.sub(key, 5)
      if A[1] == '0' or not LIVE[job[2]] then
        redis.call('ZREM', attended, id)
      else
        redis.call('ZADD', attended, now + A[1], id)
      end
    end
  end
  return 'OK'
end

register('enqueue', enqueue, {})
register('list', list, {'allow-oom'})
register('attend', attend, {'allow-oom'})
