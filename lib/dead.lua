
------------------------------------------------------------------------------------ dead letters

local function letter(entry)
  local fields = {at_ms = tonumber(string.sub(entry[1], 1, 13)), entry = entry[1]}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  fields.tries = tonumber(fields.tries)
  if fields.error and fields.error ~= '' then fields.error = cjson.decode(fields.error) end
  return fields
end

-- KEYS dead stream   ARGV before (entry, '' = newest), count   -> JSON: {"letters":[…]}, newest first
local function dead_list(K, A)
  local out = {}
  for i, entry in ipairs(redis.call('XREVRANGE', K[1], A[1] == '' and '+' or '(' .. A[1], '-', 'COUNT', A[2])) do
    out[i] = cjson.encode(letter(entry))
  end
  return '{"letters":[' .. table.concat(out, ',') .. ']}'
end

local MAX_SHOWN = 10   -- events

-- KEYS dead stream, job   -> JSON: the letter, the request, the keys of its answers, its last events; or nil
local function dead_show(K)
  local job = redis.call('HMGET', K[2], 'dead', 'payload')
  local entry = job[1] and redis.call('XRANGE', K[1], job[1], job[1])[1]
  if not entry then return nil end
  local events = newest_first(redis.call('XREVRANGE', K[2] .. ':events', '+', '-', 'COUNT', '10'))
  local answers = redis.call('HKEYS', K[2] .. ':steps')
  table.sort(answers)
  return string.sub(cjson.encode(letter(entry)), 1, -2) .. ',"answers":' ..
    (#answers > 0 and cjson.encode(answers) or '[]') .. ',"request":' .. job[2] .. ',"events":[' ..
    table.concat(events, ',', 1, math.min(#events, MAX_SHOWN)) .. ']}'
end

-- KEYS dead stream, job   ARGV entry of the dead letter ('' = whichever it is), at   -> JSON: whether there was one
-- Back to the queue with all attempts before it. The log goes on; the answers stay but for those that were failures.
local function dead_retry(K, A)
  local id, key, job = string.sub(K[2], 5), K[2], load(K[2])
  local dead = redis.call('HGET', key, 'dead')
  if not dead or A[1] ~= '' and dead ~= A[1] or LIVE[job.state] then return 'false' end
  local stream, seq = job.kind .. '.requests', job.seq + 1
  local answers = redis.call('HGETALL', key .. ':steps')
  for i = 1, #answers, 2 do
    if string.find(answers[i + 1], '"error":{', 1, true) then redis.call('HDEL', key .. ':steps', answers[i]) end
  end
  local entry = redis.call('XADD', stream, '*', 'job', id, 'tenant', job.tenant)
  local ms, number = time_of(entry)
  redis.call('HSETNX', key, 'created_ms', (time_of(job.entry)))
  local error = redis.call('HGET', key, 'error')
  redis.call('HSET', key, 'state', 'queued', 'entry', entry, 'fence', job.fence + 1, 'attempt', '0', 'seq', seq,
    'since_ms', ms, 'rare', '1')
  redis.call('HDEL', key, 'dead', 'signal', 'timed', 'error', 'result', 'ended_at')
  redis.call('PERSIST', key .. ':money')
  redis.call('HINCRBY', 'tenant:' .. job.tenant, 'open', '1')
  emit(id, seq, A[2], 0, 'job.retrying', '"in_ms":0,"error":' .. error .. ',"rollback_to_seq":' .. job.started_seq)
  redis.call('XDEL', K[1], dead)
  queue_job(stream, job.tenant, id, job.priority, ms, number)
  wake(stream)
  return 'true'
end

-- KEYS dead stream, job   ARGV entry of the dead letter ('' = whichever it is)   -> JSON: whether there was one
local function dead_drop(K, A)
  local dead = redis.call('HGET', K[2], 'dead')
  local entry = A[1] ~= '' and A[1] or dead
  if not entry or redis.call('XDEL', K[1], entry) == 0 then return 'false' end
  if dead == entry then forget(K[2]) end
  return 'true'
end

register('dead_list', dead_list, {'no-writes'})
register('dead_show', dead_show, {'no-writes'})
register('dead_retry', dead_retry, {'allow-oom'})
register('dead_drop', dead_drop, {'allow-oom'})
