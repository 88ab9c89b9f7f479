#!lua name=parley1
-- The fleet's state machine: every move of a job is one call here, and writes its event in the same call.
--
-- The stream <kind>.requests is the register of open jobs (XLEN = waiting + running), its group's pending
-- list says which run and where, and the fair index {<stream>}:fair says whose turn is next. A claim moves
-- that very entry into the pending list (XCLAIM … FORCE); nobody uses XREADGROUP.
--
-- A job's fence grows with every claim and every take-over; a write that carries an older one is refused
-- (FENCED), so a worker stopped past its lease can change nothing. A failing function is not rolled back:
-- each checks first and then writes in an order whose every prefix can be repaired.
--
-- Ids and names are strings throughout. `at` is the caller's RFC 3339 time, for display; leases and due
-- times use Redis' own clock. lib/job.c is the only caller and documents replies.

local GROUP = 'agents'
local MAX_DEAD, MAX_HISTORY, MAX_LISTED = 10000, 100000, 10000

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function side(stream, what) return '{' .. stream .. '}:' .. what end

------------------------------------------------------------------------------------ events

-- The first members of every event; tail holds the others as JSON text without braces.
local function emit(id, seq, at, attempt, type, tail)
  local text = '{"type":"' .. type .. '","seq":' .. seq .. ',"job":"' .. id .. '","at":"' .. at ..
    '","attempt":' .. attempt
  if tail ~= '' then text = text .. ',' .. tail end
  text = text .. '}'
  redis.call('XADD', 'job:' .. id .. ':events', seq .. '-0', 'e', text)
  redis.call('PUBLISH', 'ev:' .. id, text)   -- after the XADD: a reader that missed it finds it in the log
end

-- Emits the type, tail pairs of A from index `from` on; returns the last seq.
local function emit_all(id, seq, at, attempt, A, from)
  for i = from, #A, 2 do
    seq = seq + 1
    emit(id, seq, at, attempt, A[i], A[i + 1])
  end
  return seq
end

------------------------------------------------------------------------------------ fair queue

-- Start-time fair queueing over tenants: tag = max(virtual time, the tenant's last finish tag); the lowest
-- tag runs next. {<stream>}:flows holds the virtual time in field '' and a finish tag a tenant.
local function fair_add(stream, tenant, member)
  local flows = side(stream, 'flows')
  local tags = redis.call('HMGET', flows, '', tenant)
  local tag = math.max(tonumber(tags[1] or 0), tonumber(tags[2] or 0))
  redis.call('HSET', flows, tenant, tag + 1)
  redis.call('ZADD', side(stream, 'fair'), tag, member)
end

local function fair_front(stream, member)
  local first = redis.call('ZRANGE', side(stream, 'fair'), 0, 0, 'WITHSCORES')
  redis.call('ZADD', side(stream, 'fair'), first[2] and first[2] - 1 or -1, member)
end

local function fair_pop(stream)
  local first = redis.call('ZPOPMIN', side(stream, 'fair'))
  if not first[1] then return nil end
  if tonumber(first[2]) > 0 then redis.call('HSET', side(stream, 'flows'), '', first[2]) end
  return first[1]
end

-- Wakes the least loaded worker that asked for work; PUBLISH counts receivers, so a dead one is skipped.
local function wake(stream)
  for _ = 1, 16 do
    local worker = redis.call('ZPOPMIN', side(stream, 'hungry'))[1]
    if not worker or redis.call('PUBLISH', 'w:' .. worker, 'claim') > 0 then return end
  end
end

------------------------------------------------------------------------------------ door

-- KEYS stream, job, tenant, [idempotency record]
-- ARGV id, tenant, kind, at, payload, body hash, idempotency ttl ms, queue cap, tenant cap, deadline ms (0 none)
local function enqueue(K, A)
  local id, tenant = A[1], A[2]
  if K[4] then
    local known = redis.call('GET', K[4])
    if known then
      local space = string.find(known, ' ', 1, true)
      local same = string.sub(known, space + 1) == A[6]
      return {same and 'DUPLICATE' or 'REUSED', string.sub(known, 1, space - 1)}
    end
  end
  if redis.call('XLEN', K[1]) >= tonumber(A[8]) then return {'FULL', ''} end
  if tonumber(redis.call('HGET', K[3], 'open') or 0) >= tonumber(A[9]) then return {'LIMIT', ''} end

  local now = now_ms()
  local entry = redis.call('XADD', K[1], '*', 'job', id, 'tenant', tenant)
  redis.call('HSET', K[2], 'kind', A[3], 'tenant', tenant, 'state', 'queued', 'payload', A[5], 'created_at', A[4],
    'created_ms', now, 'entry', entry, 'seq', 1, 'deadline_ms', A[10])
  redis.call('HINCRBY', K[3], 'open', 1)
  if K[4] then redis.call('SET', K[4], id .. ' ' .. A[6], 'PX', A[7]) end
  redis.call('ZADD', K[3] .. ':jobs', 0, id)
  redis.call('ZREMRANGEBYRANK', K[3] .. ':jobs', 0, -MAX_LISTED - 1)
  emit(id, 1, A[4], 0, 'job.queued', '"queue":"' .. K[1] .. '","priority":"normal"')
  fair_add(K[1], tenant, entry .. ' ' .. id)
  wake(K[1])
  return {'OK', id}
end

-- KEYS job, events   ARGV tenant, after, count
-- -> nil (no such job for this tenant) | {state, last seq, log is there 0|1, events…}
local function read_log(K, A)
  local job = redis.call('HMGET', K[1], 'tenant', 'state', 'seq')
  if job[1] ~= A[1] then return nil end
  local out = {job[2], job[3], 0}
  local entries = redis.call('XRANGE', K[2], '(' .. A[2] .. '-0', '+', 'COUNT', A[3])
  for i, entry in ipairs(entries) do out[3 + i] = entry[2][2] end
  if #entries > 0 or redis.call('EXISTS', K[2]) == 1 then out[3] = 1 end
  return out
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

------------------------------------------------------------------------------------ ends

-- Takes a job out of the register and leaves its record behind. seq is the last one given out.
local function close(stream, id, job, state, at, seq, ttl_ms)
  local key = 'job:' .. id
  redis.call('HSET', key, 'state', state, 'ended_at', at, 'seq', seq)
  redis.call('XACK', stream, GROUP, job.entry)
  redis.call('XDEL', stream, job.entry)
  redis.call('HINCRBY', 'tenant:' .. job.tenant, 'open', -1)
  redis.call('HINCRBY', side(stream, 'counts'), state, 1)
  redis.call('XADD', 'history', 'MAXLEN', '~', MAX_HISTORY, '*', 'job', id, 'kind', job.kind, 'tenant', job.tenant,
    'state', state)
  redis.call('PEXPIRE', key .. ':events', ttl_ms)
  redis.call('PEXPIRE', key .. ':steps', ttl_ms)
  redis.call('PEXPIRE', key, ttl_ms * 2)     -- the record outlives the log: a late reader is told 410, not 404
end

local FIELDS = {'state', 'fence', 'seq', 'attempt', 'entry', 'tenant', 'kind', 'appended', 'started_seq',
  'created_ms', 'started_ms', 'worker'}
local function load(key)
  local values, job = redis.call('HMGET', key, unpack(FIELDS)), {}
  for i, name in ipairs(FIELDS) do job[name] = values[i] or nil end
  return job
end

local function owned(job, fence)
  return job.fence == fence and (job.state == 'running' or job.state == 'cancelling')
end

local FENCED = 'FENCED the job was taken over'

local function timings(job, now)
  local started = tonumber(job.started_ms or now)
  return '"timings":{"queue_ms":' .. started - tonumber(job.created_ms) .. ',"run_ms":' .. now - started ..
    '},"attempts":' .. (job.attempt or 0)
end

-- KEYS stream, job   ARGV fence, append number, at, state, ttl ms, result, error, usage, progress, type, tail…
-- The last events and the end in one call. One of result and error is ''.
local function finish(K, A)
  local job, id = load(K[2]), string.sub(K[2], 5)
  if not owned(job, A[1]) then
    if job.fence == A[1] and job.state == A[4] then return 'OK' end   -- repeated: the first reply was lost
    return redis.error_reply(FENCED)
  end
  local seq = tonumber(job.seq)
  if tonumber(A[2]) > tonumber(job.appended) then seq = emit_all(id, seq, A[3], job.attempt, A, 10) end
  local tail = timings(job, now_ms())
  if A[8] ~= '' then tail = '"usage":' .. A[8] .. ',' .. tail end
  if A[7] ~= '' then tail = '"error":' .. A[7] .. ',' .. tail end
  if A[6] ~= '' then tail = '"result":' .. A[6] .. ',' .. tail end
  emit(id, seq + 1, A[3], job.attempt, 'job.' .. A[4], tail)
  redis.call('HSET', K[2], 'result', A[6], 'error', A[7], 'usage', A[8], 'progress', A[9])
  close(K[1], id, job, A[4], A[3], seq + 1, tonumber(A[5]))
  return 'OK'
end

-- Ends a job nobody runs (cancelled while queued, or given up). The fence moves on, so that whoever may still
-- believe to own it is refused.
local function end_unowned(stream, id, job, state, at, error, ttl_ms)
  local seq = tonumber(job.seq) + 1
  redis.call('HINCRBY', 'job:' .. id, 'fence', 1)
  redis.call('HSET', 'job:' .. id, 'error', error)
  emit(id, seq, at, job.attempt or 0, 'job.' .. state, '"error":' .. error .. ',' .. timings(job, now_ms()))
  redis.call('ZREM', side(stream, 'fair'), job.entry .. ' ' .. id)
  close(stream, id, job, state, at, seq, ttl_ms)
end

-- KEYS job   ARGV tenant, at, error JSON, ttl ms   -> NONE | DONE (ended now) | ASKED (the worker was told) | LATE
local function cancel(K, A)
  local job, id = load(K[1]), string.sub(K[1], 5)
  if job.tenant ~= A[1] then return 'NONE' end
  if job.state == 'cancelling' then return 'ASKED' end
  local stream = job.kind .. '.requests'
  if job.state == 'running' then
    redis.call('HSET', K[1], 'state', 'cancelling', 'seq', job.seq + 1)
    emit(id, job.seq + 1, A[2], job.attempt, 'job.cancelling', '"reason":' .. A[3])
    redis.call('PUBLISH', 'w:' .. job.worker, 'cancel ' .. id)
    return 'ASKED'
  end
  if job.state ~= 'queued' then return 'LATE' end
  end_unowned(stream, id, job, 'cancelled', A[2], A[3], tonumber(A[4]))
  return 'DONE'
end

------------------------------------------------------------------------------------ worker

-- Makes one queued job this worker's. nil when it is not there to be run any more.
local function start(stream, worker, entry, id, at, now)
  local key = 'job:' .. id
  local job = load(key)
  if job.state ~= 'queued' or job.entry ~= entry then return nil end
  local fence = redis.call('HINCRBY', key, 'fence', 1)
  local attempt = (job.attempt or 0) + 1
  local claimed = redis.call('XCLAIM', stream, GROUP, worker, 0, entry, 'FORCE', 'JUSTID', 'RETRYCOUNT', attempt)
  if not claimed[1] then               -- an operator deleted the entry: the job's record is the truth
    entry = redis.call('XADD', stream, '*', 'job', id, 'tenant', job.tenant)
    redis.call('XCLAIM', stream, GROUP, worker, 0, entry, 'FORCE', 'JUSTID', 'RETRYCOUNT', attempt)
  end
  local seq = job.seq + 1
  redis.call('HSET', key, 'state', 'running', 'worker', worker, 'attempt', attempt, 'entry', entry, 'seq', seq,
    'started_seq', seq, 'appended', 0)
  if not job.started_ms then redis.call('HSET', key, 'started_ms', now, 'started_at', at) end
  emit(id, seq, at, attempt, 'job.started', '"worker":"' .. worker .. '","queue_ms":' ..
    now - job.created_ms .. ',"resumed":' .. tostring(job.started_ms ~= nil))
  local rest = redis.call('HMGET', key, 'payload', 'deadline_ms')
  return {id, entry, tostring(fence), tostring(attempt), job.tenant, rest[1], tostring(job.started_ms or now),
    tostring(now - job.created_ms), rest[2], job.started_ms and redis.call('HGETALL', key .. ':steps') or {}}
end

-- KEYS stream   ARGV worker, how many, running now, at
-- -> {id, entry, fence, attempt, tenant, payload, first start ms, age ms, deadline ms, {key, answer}*}*
local function claim(K, A)
  local want, out, now = tonumber(A[2]), {}, now_ms()
  while #out < want do
    local member = fair_pop(K[1])
    if not member then break end
    local space = string.find(member, ' ', 1, true)
    local job = start(K[1], A[1], string.sub(member, 1, space - 1), string.sub(member, space + 1), A[4], now)
    if job then out[#out + 1] = job end
  end
  if #out < want then
    redis.call('ZADD', side(K[1], 'hungry'), A[3] + #out, A[1])
    if #out == 0 then redis.call('DEL', side(K[1], 'flows')) end   -- nobody waits: old tags mean nothing
  end
  return out
end

-- KEYS job   ARGV fence, append number, at, progress ('' = as it was), type, tail…   -> last seq
local function append(K, A)
  local job = redis.call('HMGET', K[1], 'fence', 'state', 'appended', 'seq', 'attempt')
  if job[1] ~= A[1] or (job[2] ~= 'running' and job[2] ~= 'cancelling') then return redis.error_reply(FENCED) end
  if tonumber(A[2]) <= tonumber(job[3]) then return tonumber(job[4]) end
  local seq = emit_all(string.sub(K[1], 5), tonumber(job[4]), A[3], job[5], A, 5)
  redis.call('HSET', K[1], 'seq', seq, 'appended', A[2])
  if A[4] ~= '' then redis.call('HSET', K[1], 'progress', A[4]) end
  return seq
end

-- KEYS job, steps   ARGV key, answer   -> the answer that counts, or nil when the job is over
-- The first writer wins whatever its fence: the answer is paid for, and all attempts must read the same.
local function remember(K, A)
  local state = redis.call('HGET', K[1], 'state')
  if state ~= 'running' and state ~= 'queued' and state ~= 'cancelling' and state ~= 'retrying' then return nil end
  if redis.call('HSETNX', K[2], A[1], A[2]) == 1 then return A[2] end
  return redis.call('HGET', K[2], A[1])
end

-- Back to the front of the queue under a higher fence. charge = whether the attempt counts.
local function requeue(stream, id, job, at, charge, error)
  local key, seq = 'job:' .. id, job.seq + 1
  local attempt = charge and job.attempt or job.attempt - 1
  redis.call('HINCRBY', key, 'fence', 1)
  redis.call('HSET', key, 'state', 'queued', 'seq', seq, 'attempt', attempt)
  emit(id, seq, at, job.attempt, 'job.retrying', '"in_ms":0,"error":' .. error .. ',"rollback_to_seq":' ..
    job.started_seq)
  redis.call('XACK', stream, GROUP, job.entry)   -- out of the pending list, still in the stream
  fair_front(stream, job.entry .. ' ' .. id)
  wake(stream)
end

-- KEYS stream, job   ARGV fence, at, error JSON   a worker that drains hands a job back, uncharged
local function give_back(K, A)
  local job = load(K[2])
  if not owned(job, A[1]) then return redis.error_reply(FENCED) end
  requeue(K[1], string.sub(K[2], 5), job, A[2], false, A[3])
  return 'OK'
end

-- KEYS stream   ARGV worker, all 0|1, at, error JSON, then id, entry, fence for each running job
-- -> {'lost', id, 'cancel', id, …}. Renews the leases. all = 1 after a reconnect: a job that Redis holds for
-- this worker and the worker does not list (the reply to its claim was lost) goes back uncharged.
local function beat(K, A)
  local live, out, listed = {}, {}, {}
  for i = 5, #A, 3 do
    local job = redis.call('HMGET', 'job:' .. A[i], 'fence', 'state')
    listed[A[i + 1]] = true
    if job[1] == A[i + 2] and (job[2] == 'running' or job[2] == 'cancelling') then
      live[#live + 1] = A[i + 1]
      if job[2] == 'cancelling' then out[#out + 1] = 'cancel'; out[#out + 1] = A[i] end
    else
      out[#out + 1] = 'lost'; out[#out + 1] = A[i]
    end
  end
  if #live > 0 then
    live[#live + 1] = 'JUSTID'
    redis.call('XCLAIM', K[1], GROUP, A[1], 0, unpack(live))
  end
  if A[2] == '1' then
    for _, pending in ipairs(redis.call('XPENDING', K[1], GROUP, '-', '+', 1000, A[1])) do
      local entry = not listed[pending[1]] and redis.call('XRANGE', K[1], pending[1], pending[1])[1]
      if entry then
        local id = entry[2][2]
        local job = load('job:' .. id)
        if job.state == 'running' then requeue(K[1], id, job, A[3], false, A[4]) end
      end
    end
  end
  return out
end

-- A job whose worker is gone: cancelled if that was asked, given up after too many deaths, else queued again.
local function orphan(stream, id, job, at, max_attempts, ttl_ms, error)
  if job.state == 'cancelling' then
    end_unowned(stream, id, job, 'cancelled', at, error, ttl_ms)
  elseif tonumber(job.attempt) >= max_attempts then
    redis.call('XADD', job.kind .. '.dead', 'MAXLEN', '~', MAX_DEAD, '*', 'job', id, 'tenant', job.tenant, 'tries',
      job.attempt, 'worker', job.worker, 'error', error)
    end_unowned(stream, id, job, 'failed', at, error, ttl_ms)
  else
    requeue(stream, id, job, at, true, error)
  end
end

-- KEYS stream   ARGV idle ms, max attempts, ttl ms, at, error JSON, [worker: only its jobs]   -> how many
local function reap(K, A)
  local pending
  if A[6] then
    pending = redis.call('XPENDING', K[1], GROUP, 'IDLE', A[1], '-', '+', 100, A[6])
  else
    pending = redis.call('XPENDING', K[1], GROUP, 'IDLE', A[1], '-', '+', 100)
  end
  for _, one in ipairs(pending) do
    local entry = redis.call('XRANGE', K[1], one[1], one[1])[1]
    local id = entry and entry[2][2]
    local job = id and load('job:' .. id)
    if job and (job.state == 'running' or job.state == 'cancelling') and job.entry == one[1] then
      orphan(K[1], id, job, A[4], tonumber(A[2]), tonumber(A[3]), A[5])
    else                               -- the entry was deleted by hand, or its job has ended
      redis.call('XACK', K[1], GROUP, one[1])
      if entry and not (job and job.state == 'queued') then redis.call('XDEL', K[1], one[1]) end
    end
  end
  return #pending
end

-- KEYS stream   ARGV worker   Refuses while something is pending: DELCONSUMER would drop it silently.
local function leave(K, A)
  redis.call('ZREM', side(K[1], 'hungry'), A[1])
  if redis.call('XPENDING', K[1], GROUP, '-', '+', 1, A[1])[1] then return 0 end
  return redis.call('XGROUP', 'DELCONSUMER', K[1], GROUP, A[1])
end

-- KEYS streams…   Makes the consumer groups.
local function prepare(K)
  for _, stream in ipairs(K) do redis.pcall('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM') end
  return 'OK'
end

-- Only enqueue is refused when memory is full: everything that ends or frees work must run.
local function register(name, callback, flags)
  redis.register_function{function_name = 'parley1_' .. name, callback = callback, flags = flags}
end
register('enqueue', enqueue, {})
register('read_log', read_log, {'no-writes'})
register('list', list, {'allow-oom'})
register('finish', finish, {'allow-oom'})
register('cancel', cancel, {'allow-oom'})
register('claim', claim, {'allow-oom'})
register('append', append, {'allow-oom'})
register('remember', remember, {'allow-oom'})
register('give_back', give_back, {'allow-oom'})
register('beat', beat, {'allow-oom'})
register('reap', reap, {'allow-oom'})
register('leave', leave, {'allow-oom'})
register('prepare', prepare, {'allow-oom'})
