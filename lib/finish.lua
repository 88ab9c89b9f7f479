
------------------------------------------------------------------------------------ ends

local MAX_DEAD, MAX_HISTORY = 10000, 100000
local KEEP_MS, KEEP_RECORD_MS = '86400000', '172800000'   -- of an ended job: log and answers; record
local DEADLINE = '{"code":"deadline","message":"the job did not end within its deadline"}'

-- Most jobs lack the fields from RARE on: only where 'rare' is set one has to look, and who sets one sets that too.
local USUAL = {'state', 'fence', 'seq', 'attempt', 'entry', 'tenant', 'appended', 'started_ms', 'rare'}
local RARE = {'since_ms', 'timed', 'cancel', 'kin', 'started_seq'}
local MORE = {'kind', 'worker', 'deadline_ms', 'priority', 'step', 'signal'}

-- What the usual end needs. The time of a job's entry is that of its creation, unless created_ms says it.
local function load_to_end(key, kind)
  local v = redis.call('HMGET', key, unpack(USUAL))
  local job = {kind = kind, state = v[1] or nil, fence = v[2] or '0', seq = v[3] or nil, attempt = v[4] or nil,
    entry = v[5] or nil, tenant = v[6] or nil, appended = v[7] or '0', started_ms = v[8] or nil}
  if v[9] then
    for i, value in ipairs(redis.call('HMGET', key, unpack(RARE))) do job[RARE[i]] = value or nil end
  end
  job.since_ms = job.since_ms or job.entry and string.sub(job.entry, 1, 13)   -- its deadline counts from there
  job.started_seq = job.started_seq or '2'
  return job
end

local function load(key)
  local job = load_to_end(key)
  for i, value in ipairs(redis.call('HMGET', key, unpack(MORE))) do job[MORE[i]] = value or nil end
  job.priority = job.priority or 'normal'
  return job
end

local function owned(job, fence)
  return job.fence == fence and (job.state == 'running' or job.state == 'cancelling')
end

-- When the time is up, in ms; nil = never.
local function deadline_of(job)
  return tonumber(job.deadline_ms or 0) > 0 and job.since_ms + job.deadline_ms or nil
end

-- Jobs of a stream that have ended leave its register and the counts of open jobs; neighbours of a sort together.
-- ran: they were running until now.
local function leave_register(stream, ended, ran)
  local entries, n = {}, #ended
  for i = 1, n do entries[i] = ended[i].entry end
  redis.call('XACK', stream, GROUP, unpack(entries))
  redis.call('XDEL', stream, unpack(entries))
  local from = 1
  for i = 1, n do
    local job, after = ended[i], ended[i + 1]
    if not after or after.tenant ~= job.tenant or after.state ~= job.state then
      redis.call('HINCRBY', 'tenant:' .. job.tenant, 'open', '-' .. digits(i - from + 1))
      redis.call('HINCRBY', side(stream, 'counts'), job.state, digits(i - from + 1))
      if ran then stops_running(stream, job.tenant, i - from + 1) end
      from = i + 1
    end
  end
end

-- The archivist takes entries out when the database has them: what is cut off here, nobody has. -> the time
local function log_history(id, job, state, cost_usd)
  local entry = redis.call('XADD', 'history', '*', 'job', id, 'kind', job.kind, 'tenant', job.tenant, 'state', state,
    'cost_usd', cost_usd)
  local ms, number = time_of(entry)
  if number == '0' and redis.call('XLEN', 'history') > MAX_HISTORY then   -- now and then is enough
    redis.call('INCRBY', 'history:lost', redis.call('XTRIM', 'history', 'MAXLEN', MAX_HISTORY))
  end
  return tonumber(ms)
end

-- Money and answers of a job that ends; most have neither. kept = they stay. -> its usage, its cost
local function close_aside(id, key, job, usage, kept)
  local cost_usd = '0'
  if redis.call('EXISTS', key .. ':money', key .. ':steps') == 0 then return usage, cost_usd end
  usage, cost_usd = money_close(id, job.tenant, usage, not kept and KEEP_RECORD_MS)
  if not kept then redis.call('PEXPIRE', key .. ':steps', KEEP_MS) end
  return usage, cost_usd
end

-- The terminal event, with the `lines` before it, and the record. end_.ended: a list of the jobs that the caller takes
-- out of the register; else it is done here. kept = its keys stay (a dead letter needs them). -> true: a child, and gone
local function close(stream, id, job, at, seq, end_, kept, lines)
  if job.kin and kin_close(stream, id, job, at, end_, kept) then return true end
  local key = 'job:' .. id
  lines, seq = lines or {}, seq + 1
  local usage, cost_usd = close_aside(id, key, job, end_.usage, kept)
  local now = log_history(id, job, end_.state, cost_usd)
  local started = tonumber(job.started_ms or now)
  local tail = '"timings":{"queue_ms":' .. digits(math.max(0, started - job.since_ms)) .. ',"run_ms":' ..
    digits(now - started) .. '},"attempts":' .. (job.attempt or '0')
  if usage ~= '' then tail = '"usage":' .. usage .. ',' .. tail end
  if end_.error ~= '' then tail = '"error":' .. end_.error .. ',' .. tail end
  if end_.result ~= '' then tail = '"result":' .. end_.result .. ',' .. tail end
  local last = event_text(event_head(id, at, job.attempt or '0'), seq, 'job.' .. end_.state, tail)
  lines[#lines + 1] = last
  say(id, seq, lines)
  local field, value = 'result', end_.result
  if end_.error ~= '' then field, value = 'error', end_.error end
  redis.call('HSET', key, 'state', end_.state, 'ended_at', at, 'seq', digits(seq), 'usage', usage, 'step', end_.step, field,
    value)
  if end_.progress ~= '' then redis.call('HSET', key, 'progress', end_.progress) end
  if end_.error ~= '' and end_.result ~= '' then redis.call('HSET', key, 'result', end_.result) end   -- so far
  if job.timed then redis.call('ZREM', side(stream, 'deadlines'), id) end
  if not kept then
    redis.call('PEXPIRE', key .. ':events', KEEP_MS)
    redis.call('PEXPIRE', key, KEEP_RECORD_MS)     -- the record outlives the log: a late reader is told 410, not 404
  end
  job.state = end_.state
  if end_.ended then
    end_.ended[#end_.ended + 1] = job
  else
    leave_register(stream, {job})
  end
end

-- Ends a job whose owner is not the caller. The fence moves on, so that whoever may still believe to own it is
-- refused. reason: it becomes a dead letter.
local function end_unowned(stream, id, job, state, at, error, reason)
  local record = redis.call('HMGET', 'job:' .. id, 'usage', 'progress')
  redis.call('HINCRBY', 'job:' .. id, 'fence', '1')
  if job.state == 'running' or job.state == 'cancelling' then
    stops_running(stream, job.tenant, 1)
  else
    unqueue(stream, id, job)
  end
  close(stream, id, job, at, tonumber(job.seq), {state = state, result = '', error = error, usage = record[1] or '',
    progress = record[2] or '', step = job.step or ''}, reason)
end

-- The keys of a dead letter that is no longer kept go the way of all ended jobs'.
local function forget(key)
  redis.call('HDEL', key, 'dead')
  redis.call('PEXPIRE', key .. ':money', KEEP_RECORD_MS)
  redis.call('PEXPIRE', key .. ':events', KEEP_MS)
  redis.call('PEXPIRE', key .. ':steps', KEEP_MS)
  redis.call('PEXPIRE', key, KEEP_RECORD_MS)
end

-- Writes the dead letter: before the job is closed, so that none is lost between the two.
local function bury(id, job, reason, error)
  local dead = job.kind .. '.dead'
  local entry = redis.call('XADD', dead, '*', 'job', id, 'tenant', job.tenant, 'tries', job.attempt, 'worker',
    job.worker, 'reason', reason, 'step', job.step or '', 'error', error, 'signal', job.signal or '')
  redis.call('HSET', 'job:' .. id, 'dead', entry)
  while redis.call('XLEN', dead) > MAX_DEAD do
    local oldest = redis.call('XRANGE', dead, '-', '+', 'COUNT', '1')[1]
    redis.call('XDEL', dead, oldest[1])
    forget('job:' .. oldest[2][2])
  end
end

-- The events of a worker's last write, A[from … to]; it may have come before. -> lines, the last seq
local function last_words(id, job, n_append, at, A, from, to)
  local seq = tonumber(job.seq)
  if tonumber(n_append) <= tonumber(job.appended) then return {}, seq end
  return read_events(id, seq, at, job.attempt, A, from, to)
end

-- One job's end by its worker. A[from … to] is what finish() gets.
-- -> OK, or FENCED; the job is in `ended`, for the caller to take out of the register
local function end_owned(stream, kind, key, A, from, to, ended)
  local fence, n_append, at, state, step, result, error, usage, progress = unpack(A, from, from + 8)
  local job, id = load_to_end(key, kind), string.sub(key, 5)
  if not owned(job, fence) then
    return job.fence == fence and job.state == state and 'OK' or FENCED   -- OK: the first reply was lost
  end
  local lines, seq = last_words(id, job, n_append, at, A, from + 9, to)
  if state == 'cancelled' then error = job.cancel or error end
  if close(stream, id, job, at, seq, {state = state, step = step, result = result, error = error, usage = usage,
    progress = progress, ended = ended}, false, lines) then stops_running(stream, job.tenant, 1) end
  return 'OK'
end

-- KEYS stream, job   ARGV fence, append number, at, state, step, result, error, usage, progress, type, tail…
-- The last events and the end in one call. One of result and error is '' but for a job that has something to show.
local function finish(K, A)
  local ended = {}
  local outcome = end_owned(K[1], kind_of(K[1]), K[2], A, 1, #A, ended)
  if ended[1] then leave_register(K[1], ended, true) end
  return outcome == 'OK' and outcome or redis.error_reply(outcome)
end

-- KEYS stream, jobs…   ARGV for each job: the number of its words, and these as for finish()
-- -> for each OK, or why not. What one cannot write does not keep the others from ending.
local function finish_all(K, A)
  local kind, out, ended, from = kind_of(K[1]), {}, {}, 1
  for i = 2, #K do
    local to = from + A[from]
    local fine, outcome = pcall(end_owned, K[1], kind, K[i], A, from + 1, to, ended)
    out[i - 1] = fine and outcome or 'ERR ' .. tostring(type(outcome) == 'table' and outcome.err or outcome)
    from = to + 1
  end
  if ended[1] then leave_register(K[1], ended, true) end
  return out
end

-- At most per_minute in a minute, and that many at once (GCRA). true = one is taken.
local function take_retry(stream, per_minute)
  if per_minute <= 0 then return false end
  local key, now, each = side(stream, 'retries'), now_ms(), 60000 / per_minute
  local tat = math.max(now, tonumber(redis.call('GET', key) or 0))
  if tat - now > 60000 - each then return false end
  redis.call('SET', key, string.format('%.3f', tat + each), 'PX', '120000')
  return true
end

-- KEYS stream, job   ARGV fence, append number, at, step, error, usage, progress, delay ms, max attempts,
--   retries a minute, number of answers to forget, their keys…, type, tail…   -> RETRYING | ENDED
-- The attempt failed in a way that another may not. It comes after the delay, unless attempts or the kind's retries
-- are used up: then the job has failed, and is a dead letter.
local function retry(K, A)
  local stream, id, job, error = K[1], string.sub(K[2], 5), load(K[2]), A[5]
  local n_forget, reason = tonumber(A[11]), nil
  if not owned(job, A[1]) then return redis.error_reply(FENCED) end
  local lines, seq = last_words(id, job, A[2], A[3], A, 12 + n_forget, #A)
  job.step = A[4]
  if job.state == 'cancelling' then
    say(id, seq, lines)
    redis.call('HSET', K[2], 'usage', A[6], 'progress', A[7], 'seq', seq)
    job.seq = seq
    end_unowned(stream, id, job, 'cancelled', A[3], job.cancel or error)
    return 'ENDED'
  elseif tonumber(job.attempt) >= tonumber(A[9]) then
    reason = 'attempts'
  elseif not take_retry(stream, tonumber(A[10])) then
    reason = 'retry_budget'
  end
  if reason then
    bury(id, job, reason, error)
    stops_running(stream, job.tenant, 1)
    close(stream, id, job, A[3], seq, {state = 'failed', step = A[4], result = '', error = error, usage = A[6],
      progress = A[7]}, true, lines)
    return 'ENDED'
  end
  if n_forget > 0 then redis.call('HDEL', K[2] .. ':steps', unpack(A, 12, 11 + n_forget)) end
  seq = seq + 1
  lines[#lines + 1] = event_text(event_head(id, A[3], job.attempt), seq, 'job.retrying', '"in_ms":' .. A[8] .. ',"error":' .. error ..
    ',"rollback_to_seq":' .. job.started_seq)
  say(id, seq, lines)
  redis.call('HSET', K[2], 'state', 'retrying', 'fence', job.fence + 1, 'seq', seq, 'usage', A[6], 'progress', A[7],
    'step', A[4])
  redis.call('ZADD', side(stream, 'delayed'), now_ms() + A[8], id)
  redis.call('XACK', stream, GROUP, job.entry)   -- out of the pending list, still in the stream
  stops_running(stream, job.tenant, 1)
  return 'RETRYING'
end

-- -> DONE (ended now) | ASKED (the worker was told) | LATE
local function cancel_job(id, job, at, error)
  if job.state == 'cancelling' then return 'ASKED' end
  if not LIVE[job.state] then return 'LATE' end
  if job.state ~= 'running' then
    end_unowned(job.kind .. '.requests', id, job, 'cancelled', at, error)
    return 'DONE'
  end
  redis.call('HSET', 'job:' .. id, 'state', 'cancelling', 'seq', job.seq + 1, 'cancel', error, 'rare', '1')
  emit(id, job.seq + 1, at, job.attempt, 'job.cancelling', '"reason":' .. error)
  redis.call('PUBLISH', 'w:' .. job.worker, 'cancel ' .. id)
  return 'ASKED'
end

-- KEYS job   ARGV tenant, at, error JSON   -> NONE | DONE | ASKED | LATE
local function cancel(K, A)
  local job = load(K[1])
  if job.tenant ~= A[1] then return 'NONE' end
  return cancel_job(string.sub(K[1], 5), job, A[2], A[3])
end

register('finish', finish, {'allow-oom'})
register('finish_all', finish_all, {'allow-oom'})
register('retry', retry, {'allow-oom'})
register('cancel', cancel, {'allow-oom'})
