
------------------------------------------------------------------------------------ claiming

-- What starting a job needs to know. nil when it is not there to be run any more.
local function startable(stream, id, at, now)
  local key = 'job:' .. id
  local v = redis.call('HMGET', key, 'state', 'entry', 'fence', 'seq', 'attempt', 'started_ms', 'payload', 'deadline_ms',
    'rare', 'created_at', 'priority', 'trace')
  if v[1] ~= 'queued' then return nil end
  local job = {id = id, key = key, entry = v[2], fence = digits((v[3] or 0) + 1), seq = v[4] + 1,
    attempt = digits((v[5] or 0) + 1), started_ms = v[6], payload = v[7], deadline_ms = v[8], trace = v[12] or ''}
  if job.seq == 2 then job.first = first_event(id, stream, v[10], v[11]) end
  job.since_ms = v[9] and redis.call('HGET', key, 'since_ms') or string.sub(job.entry, 1, 13)
  if job.deadline_ms == '0' or job.since_ms + job.deadline_ms > now then return job end
  end_unowned(stream, id, load(key), 'expired', at, DEADLINE)
  return nil
end

-- The entry was deleted by an operator; the job's record is the truth.
local function register_again(stream, worker, tenant, job)
  redis.call('HSETNX', job.key, 'created_ms', (time_of(job.entry)))
  job.entry = redis.call('XADD', stream, '*', 'job', job.id, 'tenant', tenant)
  redis.call('XCLAIM', stream, GROUP, worker, '0', job.entry, 'FORCE', 'JUSTID', 'RETRYCOUNT', job.attempt)
  redis.call('HSET', job.key, 'entry', job.entry, 'since_ms', job.since_ms, 'rare', '1')
end

-- Into the pending list: neighbours of the same attempt in one call.
local function make_pending(stream, worker, tenant, jobs)
  local from = 1
  while from <= #jobs do
    local to, entries = from, {}
    while jobs[to] and jobs[to].attempt == jobs[from].attempt do
      entries[#entries + 1] = jobs[to].entry
      to = to + 1
    end
    local n = #entries
    entries[n + 1], entries[n + 2], entries[n + 3], entries[n + 4] = 'FORCE', 'JUSTID', 'RETRYCOUNT', jobs[from].attempt
    local claimed = redis.call('XCLAIM', stream, GROUP, worker, '0', unpack(entries))
    if #claimed < n then
      local there = {}
      for _, entry in ipairs(claimed) do there[entry] = true end
      for i = from, to - 1 do
        if not there[jobs[i].entry] then register_again(stream, worker, tenant, jobs[i]) end
      end
    end
    from = to
  end
end

-- Makes a pending job this worker's. What a first attempt does not say is as it usually is (load_to_end()).
local function start(worker, tenant, job, at, now, now_text)
  local id, key, seq, again = job.id, job.key, digits(job.seq), job.started_ms
  if again then
    money_doubt(id, tenant)
    redis.call('HSET', key, 'state', 'running', 'worker', worker, 'attempt', job.attempt, 'fence', job.fence, 'seq', seq,
      'started_seq', seq, 'rare', '1', 'appended', '0')
  else
    redis.call('HSET', key, 'state', 'running', 'worker', worker, 'attempt', job.attempt, 'fence', job.fence, 'seq', seq,
      'started_ms', now_text, 'started_at', at)
    if seq ~= '2' then redis.call('HSET', key, 'started_seq', seq, 'rare', '1') end
  end
  local age_ms = digits(math.max(0, now - job.since_ms))
  emit(id, job.seq, at, job.attempt, 'job.started', '"worker":"' .. worker .. '","queue_ms":' .. age_ms ..
    (again and ',"resumed":true' or ',"resumed":false'), job.first)
  return {id, job.entry, job.fence, job.attempt, tenant, job.payload, again or now_text, age_ms, job.deadline_ms,
    again and redis.call('HGETALL', key .. ':steps') or {}, job.trace}
end

-- Starts jobs of the tenant whose turn it is: as many in a row as fair queueing gives it, at most `want`.
-- false: nobody has anything to run.
local function take_turn(stream, worker, want, at, now, now_text, out)
  local fair, flows = side(stream, 'fair'), side(stream, 'flows')
  local first = redis.call('ZRANGE', fair, '0', '1', 'WITHSCORES')
  local tenant, tag = first[1], tonumber(first[2] or 0)
  if not tenant then return false end
  local limits = redis.call('HMGET', 'tenant:' .. tenant, 'weight', 'max_running')
  local cost, cap = 1 / math.max(tonumber(limits[1]) or 1, 0.001), tonumber(limits[2]) or 0
  if first[3] then want = math.min(want, math.floor((first[4] - tag) / cost) + 1) end
  if cap > 0 then
    local room = cap - (redis.call('HGET', side(stream, 'running'), tenant) or 0)
    if room <= 0 then
      redis.call('ZREM', fair, tenant)
      redis.call('SADD', side(stream, 'capped'), tenant)
      redis.call('HSET', flows, tenant, tag)
      return true
    end
    want = math.min(want, room)
  end
  local of, jobs = queue_of(stream, tenant), {}
  local members = redis.call('ZPOPMIN', of, want)
  for i = 1, #members, 2 do jobs[#jobs + 1] = startable(stream, members[i], at, now) end
  local n = #jobs
  make_pending(stream, worker, tenant, jobs)
  for i = 1, n do out[#out + 1] = start(worker, tenant, jobs[i], at, now, now_text) end
  if n > 0 then redis.call('HINCRBY', side(stream, 'running'), tenant, digits(n)) end
  local more = #members == 2 * want and redis.call('EXISTS', of) == 1
  if not more then redis.call('ZREM', fair, tenant) end
  if first[3] then   -- a tenant that is alone in line takes nothing from anybody: its tag may stay
    if more then redis.call('ZADD', fair, tag + n * cost, tenant) end
    redis.call('HSET', flows, '', tag, tenant, tag + n * cost)
  end
  return true
end

-- KEYS stream   ARGV worker, how many, running now, at
-- -> {id, entry, fence, attempt, tenant, payload, first start ms, age ms, deadline ms, {key, answer}*, trace}*
local function claim(K, A)
  local want, out, now = tonumber(A[2]), {}, now_ms()
  local now_text = string.format('%d', now)
  while #out < want and take_turn(K[1], A[1], want - #out, A[4], now, now_text, out) do end
  if #out < want then redis.call('ZADD', side(K[1], 'hungry'), #out > 0 and A[3] + #out or A[3], A[1]) end
  return out
end

register('claim', claim, {'allow-oom'})
