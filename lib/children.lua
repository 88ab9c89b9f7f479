
------------------------------------------------------------------------------------ children

-- A job may spawn others of any kind, by key, and wait for them. A child is a job like any other on the stream of its
-- kind; it belongs to its parent, whose tenant and priority it has. Its end is remembered as the parent's answer of that
-- key, and nothing else is kept of it: no log, no dead letter, no place in anybody's list. It counts for none of its
-- tenant's limits on open jobs, or a parent could wait for a place that it holds itself. When its parent ends, in
-- whatever way, it is cancelled; while the parent changes workers it goes on.
--   job:<id>           kin: of a child its parent's id and the key; of others '-' once they had children or a checkpoint
--   job:<id>:children  hash, key -> id of the children that have not ended
--   job:<id>:steps     checkpoint: what the job would go on with under another worker, replaced as it gets on

local CHECKPOINT = 'checkpoint'
local ORPHANED = '{"code":"cancelled","message":"the job it was a part of has ended"}'

-- KEYS job, steps, the child's stream   ARGV fence, key, a new id, kind, at, request, deadline ms, trace
-- -> the child's id, the earlier one where the key has one; '' when it has ended (its answer is there), or the job is
-- about to end
local function spawn(K, A)
  local job = redis.call('HMGET', K[1], 'fence', 'state', 'tenant', 'priority', 'kin')
  if job[1] ~= A[1] or (job[2] ~= 'running' and job[2] ~= 'cancelling') then return redis.error_reply(FENCED) end
  local known = redis.call('HGET', K[1] .. ':children', A[2])
  if known then return known end
  if job[2] == 'cancelling' or redis.call('HEXISTS', K[2], A[2]) == 1 then return '' end

  local stream, id, tenant, priority = K[3], A[3], job[3], job[4] or 'normal'
  if not job[5] then redis.call('HSET', K[1], 'kin', '-', 'rare', '1') end
  redis.call('HSET', K[1] .. ':children', A[2], id)
  local entry = redis.call('XADD', stream, '*', 'job', id, 'tenant', tenant)
  local ms, number = time_of(entry)
  redis.call('HSET', 'job:' .. id, 'kind', A[4], 'tenant', tenant, 'state', 'queued', 'payload', A[6], 'created_at', A[5],
    'entry', entry, 'seq', '0', 'deadline_ms', A[7], 'priority', priority, 'kin', string.sub(K[1], 5) .. ' ' .. A[2],
    'rare', '1', 'trace', A[8] or '')
  queue_job(stream, tenant, id, priority, ms, number)
  wake(stream)
  return id
end

-- KEYS job, steps   ARGV fence, checkpoint, keys of answers that are in it and needed no more…
local function checkpoint(K, A)
  local job = redis.call('HMGET', K[1], 'fence', 'state', 'kin')
  if job[1] ~= A[1] or (job[2] ~= 'running' and job[2] ~= 'cancelling') then return redis.error_reply(FENCED) end
  if not job[3] then redis.call('HSET', K[1], 'kin', '-', 'rare', '1') end
  redis.call('HSET', K[2], CHECKPOINT, A[2])
  if A[3] then redis.call('HDEL', K[2], unpack(A, 3)) end
  return 'OK'
end

-- A child that is still its parent's has ended: the parent gets its answer, and its worker a hint.
local function answer_parent(id, job, end_, usage)
  local space = string.find(job.kin, ' ', 1, true)
  local parent, name = 'job:' .. string.sub(job.kin, 1, space - 1), string.sub(job.kin, space + 1)
  if redis.call('HGET', parent .. ':children', name) ~= id then return end
  local tail = ''
  if usage ~= '' then tail = ',"usage":' .. usage end
  if end_.error ~= '' then tail = tail .. ',"error":' .. end_.error end
  if end_.result ~= '' then tail = tail .. ',"result":' .. end_.result end
  redis.call('HSETNX', parent .. ':steps', name, '{"child":"' .. id .. '","state":"' .. end_.state .. '"' .. tail .. '}')
  redis.call('HDEL', parent .. ':children', name)
  local worker = redis.call('HGET', parent, 'worker')
  if worker then redis.call('PUBLISH', 'w:' .. worker, 'child ' .. string.sub(parent, 5)) end
end

-- A job with kin is about to be closed. true: it was a child, and is gone.
kin_close = function(stream, id, job, at, end_, kept)
  local key = 'job:' .. id
  local children = redis.call('HVALS', key .. ':children')
  redis.call('DEL', key .. ':children')
  for _, child in ipairs(children) do cancel_job(child, load('job:' .. child), at, ORPHANED) end
  if not kept then redis.call('HDEL', key .. ':steps', CHECKPOINT) end
  if job.kin == '-' then return false end

  answer_parent(id, job, end_, (money_close(id, job.tenant, end_.usage, false)))
  redis.call('XACK', stream, GROUP, job.entry)
  redis.call('XDEL', stream, job.entry)
  redis.call('HINCRBY', side(stream, 'counts'), end_.state, '1')
  if job.timed then redis.call('ZREM', side(stream, 'deadlines'), id) end
  local letter = kept and redis.call('HGET', key, 'dead')
  if letter then redis.call('XDEL', job.kind .. '.dead', letter) end
  redis.call('DEL', key, key .. ':events', key .. ':steps', key .. ':money')
  return true
end

register('spawn', spawn, {'allow-oom'})
register('checkpoint', checkpoint, {'allow-oom'})
