
------------------------------------------------------------------------------------ views

-- What an operator asks: why a job is where it is, what the queues and providers look like now. Nothing here writes.
-- Replies are JSON texts of facts; words are made of them by tools/cli.

-- cjson writes an empty table as {}.
local function array(items)
  for i, item in ipairs(items) do items[i] = cjson.encode(item) end
  return '[' .. table.concat(items, ',') .. ']'
end

local function is_heard(worker) return redis.call('PUBSUB', 'NUMSUB', 'w:' .. worker)[2] > 0 end

local function provider_facts(provider, now)
  local s, held, wait = settings(provider), sem(provider, 'held'), sem(provider, 'wait')
  return {provider = provider, limit = math.floor(s.limit), max = s.max,
    in_use = redis.call('ZCOUNT', held, now, '+inf'), waiting = redis.call('ZCARD', wait),
    paused_ms = math.max(0, s.paused_until - now), rpm = s.rpm, tpm = s.tpm, now_ms = now}
end

-- name -> {name, jobs, idle_ms (since it last touched the group; nil = it never did), alive, hungry}
local function workers_of(stream)
  local workers = {}
  for _, row in ipairs(redis.pcall('XINFO', 'CONSUMERS', stream, GROUP)) do
    local info = {}
    for i = 1, #row, 2 do info[row[i]] = row[i + 1] end
    workers[info.name] = {name = info.name, jobs = info.pending, idle_ms = info.idle, hungry = false}
  end
  for _, name in ipairs(redis.call('ZRANGE', side(stream, 'hungry'), 0, -1)) do
    workers[name] = workers[name] or {name = name, jobs = 0}
    workers[name].hungry = true
  end
  for name, worker in pairs(workers) do worker.alive = is_heard(name) end
  return workers
end

local MAX_WALK, WALK_STEP = 5000, 500

-- Of this attempt: the steps that were begun and have not ended, newest first; the newest job.waiting; and whether
-- nothing was begun or ended since it.
local function walk_log(id)
  local steps, known, waiting, is_last, last, seen = {}, {}, nil, true, '+', 0
  while seen < MAX_WALK do
    local entries = redis.call('XREVRANGE', 'job:' .. id .. ':events', last, '-', 'COUNT', WALK_STEP)
    for _, event in ipairs(newest_first(entries)) do
      local name = string.match(event, '^{"type":"([%a.]+)"')
      if name == 'job.started' then return steps, waiting, is_last end
      if name == 'job.waiting' then
        waiting = waiting or cjson.decode(event)
      elseif name == 'step.started' or name == 'step.completed' or name == 'step.failed' then
        local step = cjson.decode(event).step
        if not waiting then is_last = false end
        if step and not known[step] and name == 'step.started' then steps[#steps + 1] = step end
        if step then known[step] = true end
      end
    end
    seen = seen + #entries
    if #entries < WALK_STEP then break end
    last = '(' .. entries[#entries][1]
  end
  return steps, waiting, is_last
end

-- The first of the worker's wishes in the provider's queue; nil when it has none there.
local function slot_wait(provider, worker, now)
  local prefix = worker .. '#'
  for rank, permit in ipairs(redis.call('ZRANGE', sem(provider, 'wait'), 0, -1)) do
    if string.sub(permit, 1, #prefix) == prefix then
      local facts = provider_facts(provider, now)
      facts.ahead = rank - 1
      return facts
    end
  end
end

local function why_running(f, job, stream, now)
  f.worker, f.worker_alive = job.worker, is_heard(job.worker)
  local pending = redis.call('XPENDING', stream, GROUP, job.entry, job.entry, 1)[1]
  f.silent_ms = pending and pending[3]
  local steps, waiting, is_last = walk_log(f.id)
  if #steps > 0 then f.steps = steps end
  if not waiting then return end
  if waiting.provider then
    f.slot = slot_wait(waiting.provider, job.worker, now)
  elseif is_last then
    f.waiting = waiting
  end
end

local function why_waiting(f, job, stream, now)
  local of, fair = queue_of(stream, job.tenant), side(stream, 'fair')
  local due = redis.call('ZSCORE', side(stream, 'delayed'), f.id)
  if due then f.delayed_ms = math.max(0, due - now) end
  local rank = redis.call('ZRANK', of, f.id)
  if rank then f.position, f.of_tenant = rank + 1, redis.call('ZCARD', of) end
  f.tenants_ahead = redis.call('ZRANK', fair, job.tenant) or nil
  f.next_tenant = redis.call('ZRANGE', fair, 0, 0)[1]
  f.tenant_running = tonumber(redis.call('HGET', side(stream, 'running'), job.tenant) or 0)
  f.tenant_cap = tonumber(redis.call('HGET', 'tenant:' .. job.tenant, 'max_running') or 0)
  f.workers, f.workers_free = 0, 0
  for _, worker in pairs(workers_of(stream)) do
    if worker.alive then
      f.workers = f.workers + 1
      if worker.hungry then f.workers_free = f.workers_free + 1 end
    end
  end
end

local function dead_letter(kind, entry)
  local found, letter = redis.call('XRANGE', kind .. '.dead', entry, entry)[1], {}
  if not found then return nil end
  for i = 1, #found[2], 2 do letter[found[2][i]] = found[2][i + 1] end
  return {entry = entry, tries = tonumber(letter.tries), worker = letter.worker, reason = letter.reason,
    step = letter.step, signal = letter.signal}
end

-- KEYS job   -> facts about it, or nil when there is no such job
local function why(K)
  local fields = {'state', 'kind', 'tenant', 'attempt', 'entry', 'worker', 'created_ms', 'created_at', 'ended_at',
    'error', 'progress', 'priority', 'dead'}
  local job, now = {}, now_ms()
  for i, value in ipairs(redis.call('HMGET', K[1], unpack(fields))) do job[fields[i]] = value or nil end
  if not job.state then return nil end
  local f = {id = string.sub(K[1], 5), state = job.state, kind = job.kind, tenant = job.tenant,
    attempt = tonumber(job.attempt or 0), created_at = job.created_at, ended_at = job.ended_at, now_ms = now,
    age_ms = now - (job.created_ms or time_of(job.entry)), priority = job.priority}
  local stream = job.kind .. '.requests'
  if job.error and job.error ~= '' then f.error = cjson.decode(job.error) end
  if job.progress and job.progress ~= '' then f.progress = cjson.decode(job.progress) end
  if not LIVE[job.state] then
    if job.dead then f.dead = dead_letter(job.kind, job.dead) end
  elseif job.state == 'running' or job.state == 'cancelling' then
    why_running(f, job, stream, now)
  else
    why_waiting(f, job, stream, now)
  end
  return cjson.encode(f)
end

-- KEYS job, steps   -> {kind, payload, result, steps {key: answer}}: the texts as they stand, nil = no such job
local function record(K)
  local job, steps = redis.call('HMGET', K[1], 'kind', 'payload', 'result'), {}
  if not job[1] then return nil end
  local answers = redis.call('HGETALL', K[2])
  for i = 1, #answers, 2 do steps[#steps + 1] = cjson.encode(answers[i]) .. ':' .. answers[i + 1] end
  local result = job[3] and job[3] ~= '' and job[3] or 'null'
  return '{"kind":' .. cjson.encode(job[1]) .. ',"payload":' .. job[2] .. ',"result":' .. result .. ',"steps":{' ..
    table.concat(steps, ',') .. '}}'
end

-- -> [{provider, limit, max, in_use, waiting, paused_ms, rpm, tpm, now_ms}…]
local function limits()
  local providers, now = redis.call('SMEMBERS', 'sem:providers'), now_ms()
  table.sort(providers)
  for i, provider in ipairs(providers) do providers[i] = provider_facts(provider, now) end
  return array(providers)
end

-- KEYS streams…   -> [{kind, open, running, delayed, dead, ended {state: n}, workers [{…}…]}…]
local function top(K)
  local out = {}
  for i, stream in ipairs(K) do
    local kind, ended = string.match(stream, '^(.*)%.requests$'), {}
    local counts = redis.call('HGETALL', side(stream, 'counts'))
    for n = 1, #counts, 2 do ended[counts[n]] = tonumber(counts[n + 1]) end
    local workers, rows = workers_of(stream), {}
    for _, worker in pairs(workers) do rows[#rows + 1] = worker end
    table.sort(rows, function(a, b) return a.name < b.name end)
    local pending = redis.pcall('XPENDING', stream, GROUP)
    local queue = cjson.encode({kind = kind, open = redis.call('XLEN', stream), running = pending[1] or 0,
      delayed = redis.call('ZCARD', side(stream, 'delayed')), dead = redis.call('XLEN', kind .. '.dead'),
      ended = ended})
    out[i] = string.sub(queue, 1, -2) .. ',"workers":' .. array(rows) .. '}'
  end
  return '[' .. table.concat(out, ',') .. ']'
end

local MAX_ASKED = 100

-- When the oldest job that waits for a worker could first run, in ms; nil = none waits. A score is class, ms, number.
local function oldest_ms(stream)
  local oldest
  local function look(tenant)
    for _, class in pairs(CLASSES) do
      local first = redis.call('ZRANGEBYSCORE', queue_of(stream, tenant), class .. '000000000000000',
        class .. '999999999999999', 'WITHSCORES', 'LIMIT', 0, 1)[2]
      local ms = first and math.floor(tonumber(first) % 1e15 / 100)
      if ms and (not oldest or ms < oldest) then oldest = ms end
    end
  end
  for _, tenant in ipairs(redis.call('ZRANGE', side(stream, 'fair'), 0, MAX_ASKED - 1)) do look(tenant) end
  for n, tenant in ipairs(redis.call('SMEMBERS', side(stream, 'capped'))) do
    if n <= MAX_ASKED then look(tenant) end
  end
  return oldest
end

-- The figures of all queues and providers: what costs nothing with many jobs, tenants and workers.
-- KEYS streams…   -> {queues [{kind, waiting, running, delayed, dead, oldest_ms}…], providers [as limits]}
local function gauges(K)
  local queues, now = {}, now_ms()
  for i, stream in ipairs(K) do
    local kind, oldest = string.match(stream, '^(.*)%.requests$'), oldest_ms(stream)
    local running = redis.pcall('XPENDING', stream, GROUP)[1] or 0
    local delayed = redis.call('ZCARD', side(stream, 'delayed'))
    queues[i] = string.format('{"kind":"%s","waiting":%d,"running":%d,"delayed":%d,"dead":%d,"oldest_ms":%d}', kind,
      math.max(0, redis.call('XLEN', stream) - running - delayed), running, delayed, redis.call('XLEN', kind .. '.dead'),
      oldest and math.max(0, now - oldest) or 0)
  end
  return '{"queues":[' .. table.concat(queues, ',') .. '],"providers":' .. limits() .. '}'
end

register('why', why, {'no-writes'})
register('record', record, {'no-writes'})
register('limits', limits, {'no-writes'})
register('top', top, {'no-writes'})
register('gauges', gauges, {'no-writes'})
