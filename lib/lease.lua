
------------------------------------------------------------------------------------ jobs a worker has

-- KEYS job   ARGV fence, append number, at, progress ('' = as it was), step, type, tail…   -> last seq
local function append(K, A)
  local job = redis.call('HMGET', K[1], 'fence', 'state', 'appended', 'seq', 'attempt')
  if job[1] ~= A[1] or (job[2] ~= 'running' and job[2] ~= 'cancelling') then return redis.error_reply(FENCED) end
  if tonumber(A[2]) <= tonumber(job[3] or 0) then return tonumber(job[4]) end
  local id = string.sub(K[1], 5)
  local lines, seq = read_events(id, tonumber(job[4]), A[3], job[5], A, 6, #A)
  say(id, seq, lines)
  if A[4] == '' then
    redis.call('HSET', K[1], 'seq', digits(seq), 'appended', A[2], 'step', A[5])
  else
    redis.call('HSET', K[1], 'seq', digits(seq), 'appended', A[2], 'step', A[5], 'progress', A[4])
  end
  return seq
end

-- KEYS job, steps   ARGV key, answer   -> the answer that counts, or nil when the job is over
-- The first writer wins whatever its fence: the answer is paid for, and all attempts must read the same. A dead
-- letter takes it too: it may be tried again.
local function remember(K, A)
  local job = redis.call('HMGET', K[1], 'state', 'dead')
  if not LIVE[job[1]] and not job[2] then return nil end
  if redis.call('HSETNX', K[2], A[1], A[2]) == 1 then return A[2] end
  return redis.call('HGET', K[2], A[1])
end

-- Back to the front of its class under a higher fence: its old place in time is before all that came later, and what
-- its tenant was charged for the turn is given back. charge = whether the attempt counts.
local function requeue(stream, id, job, at, charge, error)
  local key, seq = 'job:' .. id, job.seq + 1
  local over = deadline_of(job)
  if over and over <= now_ms() then return end_unowned(stream, id, job, 'expired', at, DEADLINE) end
  redis.call('HSET', key, 'state', 'queued', 'seq', seq, 'fence', job.fence + 1, 'attempt',
    charge and job.attempt or job.attempt - 1)
  redis.call('HDEL', key, 'signal')
  emit(id, seq, at, job.attempt, 'job.retrying', '"in_ms":0,"error":' .. error .. ',"rollback_to_seq":' ..
    job.started_seq)
  redis.call('XACK', stream, GROUP, job.entry)
  stops_running(stream, job.tenant, 1)
  queue_job(stream, job.tenant, id, job.priority, time_of(job.entry))
  local weight = tonumber(redis.call('HGET', 'tenant:' .. job.tenant, 'weight') or 1)
  redis.call('ZINCRBY', side(stream, 'fair'), -1 / math.max(weight or 1, 0.001), job.tenant)
  wake(stream)
end

-- KEYS stream, job   ARGV fence, at, error JSON   a worker that drains hands a job back, uncharged
local function give_back(K, A)
  local job, id = load(K[2]), string.sub(K[2], 5)
  if not owned(job, A[1]) then return redis.error_reply(FENCED) end
  if job.state == 'cancelling' then
    end_unowned(K[1], id, job, 'cancelled', A[2], job.cancel or A[3])
  else
    requeue(K[1], id, job, A[2], false, A[3])
  end
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
    redis.call('XCLAIM', K[1], GROUP, A[1], '0', unpack(live))
  end
  if A[2] == '1' then
    for _, pending in ipairs(redis.call('XPENDING', K[1], GROUP, '-', '+', '1000', A[1])) do
      local entry = not listed[pending[1]] and redis.call('XRANGE', K[1], pending[1], pending[1])[1]
      if entry then
        local id = entry[2][2]
        local job = load('job:' .. id)
        if job.state == 'running' and job.entry == pending[1] then requeue(K[1], id, job, A[3], false, A[4]) end
      end
    end
  end
  return out
end

-- A job whose worker is gone: cancelled if that was asked, given up after too many deaths, else queued again.
local function orphan(stream, id, job, at, max_attempts, error)
  if job.state == 'cancelling' then
    end_unowned(stream, id, job, 'cancelled', at, job.cancel or error)
  elseif tonumber(job.attempt) >= max_attempts then
    job.signal = job.signal or 'killed'
    bury(id, job, 'worker_lost', error)
    end_unowned(stream, id, job, 'failed', at, error, 'worker_lost')
  else
    requeue(stream, id, job, at, true, error)
  end
end

-- KEYS stream   ARGV idle ms, max attempts, at, error JSON, [worker: only its jobs]   -> how many
local function reap(K, A)
  local pending
  if A[5] then
    pending = redis.call('XPENDING', K[1], GROUP, 'IDLE', A[1], '-', '+', '100', A[5])
  else
    pending = redis.call('XPENDING', K[1], GROUP, 'IDLE', A[1], '-', '+', '100')
  end
  for _, one in ipairs(pending) do
    local entry = redis.call('XRANGE', K[1], one[1], one[1])[1]
    local id = entry and entry[2][2]
    local job = id and load('job:' .. id)
    if job and (job.state == 'running' or job.state == 'cancelling') and job.entry == one[1] then
      orphan(K[1], id, job, A[3], tonumber(A[2]), A[4])
    else                               -- the entry was deleted by hand, or its job has ended
      redis.call('XACK', K[1], GROUP, one[1])
      if entry and not (job and LIVE[job.state] and job.entry == one[1]) then redis.call('XDEL', K[1], one[1]) end
    end
  end
  return #pending
end

-- KEYS job   ARGV worker, signal, step   What a worker that crashed could still say about a job it had.
local function evidence(K, A)
  local job = redis.call('HMGET', K[1], 'worker', 'state')
  if job[1] ~= A[1] or (job[2] ~= 'running' and job[2] ~= 'cancelling') then return 0 end
  redis.call('HSET', K[1], 'signal', A[2], 'step', A[3])
  return 1
end

-- KEYS stream   ARGV worker   Refuses while something is pending: DELCONSUMER would drop it silently.
local function leave(K, A)
  redis.call('ZREM', side(K[1], 'hungry'), A[1])
  if redis.call('XPENDING', K[1], GROUP, '-', '+', '1', A[1])[1] then return 0 end
  return redis.call('XGROUP', 'DELCONSUMER', K[1], GROUP, A[1])
end

register('append', append, {'allow-oom'})
register('remember', remember, {'allow-oom'})
register('give_back', give_back, {'allow-oom'})
register('beat', beat, {'allow-oom'})
register('reap', reap, {'allow-oom'})
register('evidence', evidence, {'allow-oom'})
register('leave', leave, {'allow-oom'})
