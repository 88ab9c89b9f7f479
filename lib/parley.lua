#!lua name=parley1
-- The fleet's state machine: every move of a job is one call here, and writes its event in the same call.
--
-- The stream <kind>.requests is the register of open jobs (XLEN = waiting + running), its group's pending
-- list says which run and where. Who is next stands beside it:
--   {<stream>}:fair        tenants that have a job to run, by start-time fair queueing tag; the lowest is next
--   {<stream>}:of:<t>      the jobs of a tenant that may run: by priority, then by time
--   {<stream>}:flows       field '': the virtual time; a tenant: the tag at which it may come next
--   {<stream>}:running     how many jobs of each tenant run
--   {<stream>}:capped      tenants that run as many as they may and have more
--   {<stream>}:delayed     jobs that may not run before a time (not_before, retries)
--   {<stream>}:deadlines   waiting jobs whose time is not the kind's (the register itself is in order of that)
--   {<stream>}:attended    jobs to be cancelled at a time, unless a door says again that somebody reads them
--   {<stream>}:hungry      workers that asked for work in vain, by how many jobs they have
-- A claim moves the job's very entry into the pending list (XCLAIM … FORCE); nobody uses XREADGROUP.
--
-- A job's fence grows with every claim and every take-over; a write that carries an older one is refused
-- (FENCED), so a worker stopped past its lease can change nothing. A failing function is not rolled back:
-- each checks first and then writes in an order whose every prefix can be repaired.
--
-- Ids and names are strings throughout. `at` is the caller's RFC 3339 time, for display; leases and due
-- times use Redis' own clock. lib/job.c and workers/lease.c are the only callers. Numbers that go to Redis
-- unchanged are written as strings: that is cheaper. What costs is the number of writes: each is put into the AOF by
-- itself. So events of one call are one entry of the log, and the ends of several jobs leave the register together.

local GROUP = 'agents'
local MAX_DEAD, MAX_HISTORY, MAX_LISTED = 10000, 100000, 10000
local MAX_DUE = '100'                  -- a tick looks at so many of each sort
local MAX_FLOWS = 1000
local KEEP_MS, KEEP_RECORD_MS = '86400000', '172800000'   -- of an ended job: log and answers; record
local CLASSES = {high = '1', normal = '2', low = '3'}
local LIVE = {queued = true, waiting = true, running = true, retrying = true, cancelling = true}
local FENCED = 'FENCED the job was taken over'
local DEADLINE = '{"code":"deadline","message":"the job did not end within its deadline"}'
local DISCONNECTED = '{"code":"cancelled","message":"disconnected: nobody reads the job any more"}'

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local money_doubt, money_close   -- money.lua
local kin_close                  -- children.lua

-- Keys beside a stream. The names are kept: there are few, and joining them anew costs more than looking them up.
local SIDES = {}
local function side(stream, what)
  local known = SIDES[stream]
  if not known then
    known = {}
    SIDES[stream] = known
  end
  local name = known[what]
  if not name then
    name = '{' .. stream .. '}:' .. what
    known[what] = name
  end
  return name
end
local function queue_of(stream, tenant) return '{' .. stream .. '}:of:' .. tenant end
local function kind_of(stream) return string.sub(stream, 1, -#'.requests' - 1) end

-- Whole numbers as text: Lua's own way goes through printf.
local MAX_DIGITS, DIGITS = 1000, {}
local function digits(n)
  local text = DIGITS[n]
  if text then return text end
  text = string.format('%d', n)
  if n >= 0 and n < MAX_DIGITS then DIGITS[n] = text end
  return text
end

------------------------------------------------------------------------------------ events

-- The log of a job is a stream. An entry has in its field 'e' the events that were written at once, a line each, and the
-- number of the last one as its id: <seq>-0. What one call writes is also published in one message of such lines.
-- The first event says nothing that the record does not: it comes into the log together with the second one, so that a
-- job in the queue has no log. Only read_log() has to know.
local MAX_TOGETHER = 64
local MAX_LOG_BYTES = 4194304          -- of a job's log in Redis' memory, unless its kind says otherwise
local LOG_KEPT, LOG_LOOK_EVERY = 0.75, 64

-- One event is these members, and JSON text without braces for the others.
local function event_head(id, at, attempt)
  return ',"job":"' .. id .. '","at":"' .. at .. '","attempt":' .. attempt
end

local function event_text(head, seq, type, tail)
  if tail == '' then return '{"type":"' .. type .. '","seq":' .. digits(seq) .. head .. '}' end
  return '{"type":"' .. type .. '","seq":' .. digits(seq) .. head .. ',' .. tail .. '}'
end

local function queued_tail(stream, priority) return '"queue":"' .. stream .. '","priority":"' .. priority .. '"' end

local function first_event(id, stream, created_at, priority)
  return event_text(event_head(id, created_at, '0'), 1, 'job.queued', queued_tail(stream, priority or 'normal'))
end

-- nil: a child, which has none, or no such job
local function first_of(id)
  local job = redis.call('HMGET', 'job:' .. id, 'kind', 'created_at', 'priority', 'kin')
  if not job[1] or job[4] and job[4] ~= '-' then return nil end
  return first_event(id, job[1] .. '.requests', job[2], job[3])
end

-- A log over its budget loses what is oldest. Looked at now and then: what comes between two looks may be too much. The
-- newest entry stays, so a job's end is never lost. Readers that are behind see by the numbers what is gone.
local function trim_log(id, log, seq, n)
  if math.floor(seq / LOG_LOOK_EVERY) == math.floor((seq - n) / LOG_LOOK_EVERY) then return end
  local bytes = redis.call('MEMORY', 'USAGE', log)
  local max = tonumber(redis.call('HGET', 'job:' .. id, 'max_log') or MAX_LOG_BYTES)
  if bytes > max then
    local keep = math.floor(redis.call('XLEN', log) * LOG_KEPT * max / bytes)
    redis.call('XTRIM', log, 'MAXLEN', '~', digits(math.max(1, keep)))
  end
end

-- Writes and publishes events, of which the last has the number seq. The log comes first: a reader that misses the
-- message finds the event there. known: the first event, where the caller has it.
local function say(id, seq, lines, known)
  local log, n = 'job:' .. id .. ':events', #lines
  if n == 0 then return end
  for first = 1, n - MAX_TOGETHER, MAX_TOGETHER do
    local last = first + MAX_TOGETHER - 1
    redis.call('XADD', log, digits(seq - n + last) .. '-0', 'e', table.concat(lines, '\n', first, last))
  end
  local rest = table.concat(lines, '\n', n - (n - 1) % MAX_TOGETHER)
  local before = n == seq - 1 and (known or first_of(id))
  redis.call('XADD', log, digits(seq) .. '-0', 'e', before and before .. '\n' .. rest or rest)
  redis.call('PUBLISH', 'ev:' .. id, n > MAX_TOGETHER and table.concat(lines, '\n') or rest)
  trim_log(id, log, seq, n)
end

local function emit(id, seq, at, attempt, type, tail, known)
  say(id, seq, {event_text(event_head(id, at, attempt), seq, type, tail)}, known)
end

-- The events of the type, tail pairs of A from index `from` to `to`, as lines; and the last seq.
local function read_events(id, seq, at, attempt, A, from, to)
  local head, lines, n = event_head(id, at, attempt), {}, 0
  for i = from, to, 2 do
    n = n + 1
    lines[n] = event_text(head, seq + n, A[i], A[i + 1])
  end
  return lines, seq + n
end

local function lines_of(entry)
  local text = entry[2][2]
  if not string.find(text, '\n', 1, true) then return {text} end
  local lines = {}
  for line in string.gmatch(text, '[^\n]+') do lines[#lines + 1] = line end
  return lines
end

-- Of the entries of a log, the events behind the number `after`, `count` at most, added to out.
local function pick_events(entries, after, count, out)
  local full = #out + count
  for n, entry in ipairs(entries) do
    local lines, skip = lines_of(entry), 0
    if n == 1 and #lines > 1 then   -- a cursor may stand within an entry
      skip = math.max(0, after - (tonumber(string.match(entry[1], '^%d+')) - #lines))
    end
    for i = skip + 1, #lines do
      if #out == full then return end
      out[#out + 1] = lines[i]
    end
  end
end

-- Events of entries that were read backwards, newest first.
local function newest_first(entries)
  local out = {}
  for _, entry in ipairs(entries) do
    local lines = lines_of(entry)
    for i = #lines, 1, -1 do out[#out + 1] = lines[i] end
  end
  return out
end

------------------------------------------------------------------------------------ fair queue

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

-- The ms and the number of a stream's id.
local function time_of(entry) return string.sub(entry, 1, 13), string.sub(entry, 15) end

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

------------------------------------------------------------------------------------ door

-- KEYS stream, job, tenant, [idempotency record]
-- ARGV id, tenant, kind, at, payload, body hash, idempotency ttl ms, queue cap, tenant cap, deadline ms (0 none),
--   [priority, not before ms (0: now), the same as text, on disconnect cancel|continue, the kind's deadline ms],
--   [bytes of its log, if not the usual]
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
  if A[17] then redis.call('HSET', K[2], 'trace', A[17]) end
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
  local first = first_event(id, K[1], A[4], priority)
  redis.call('PUBLISH', 'ev:' .. id, first)
  if late then
    local waiting = '"reason":"not_before","until":"' .. A[13] .. '"'
    redis.call('HSET', K[2], 'waiting', '{' .. waiting .. '}', 'since_ms', A[12], 'rare', '1')
    emit(id, 2, A[4], '0', 'job.waiting', waiting, first)
    redis.call('ZADD', side(K[1], 'delayed'), A[12], id)
  else
    queue_job(K[1], tenant, id, priority, ms, number)
    wake(K[1])
  end
  return {'OK', id}
end

-- KEYS job, events   ARGV tenant, after, count
-- -> nil (no such job for this tenant) | {state, last seq, log is there 0|1, on disconnect, events…}
local function read_log(K, A)
  local job = redis.call('HMGET', K[1], 'tenant', 'state', 'seq', 'on_disconnect')
  if job[1] ~= A[1] then return nil end
  local out = {job[2], job[3], 0, job[4] or ''}
  local first = job[3] == '1' and first_of(string.sub(K[1], 5))
  if first then
    out[3], out[5] = 1, tonumber(A[2]) < 1 and first or nil
    return out
  end
  local entries = redis.call('XRANGE', K[2], '(' .. A[2] .. '-0', '+', 'COUNT', A[3])
  pick_events(entries, tonumber(A[2]), tonumber(A[3]), out)
  if #entries > 0 or redis.call('EXISTS', K[2]) == 1 then out[3] = 1 end
  return out
end

-- KEYS job   ARGV tenant, fields…   -> their values; nil = no such job for this tenant, which is known before any of a
-- job is read: another tenant's takes no longer than none
local function read_record(K, A)
  if redis.call('HGET', K[1], 'tenant') ~= A[1] then return nil end
  return redis.call('HMGET', K[1], unpack(A, 2))
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

------------------------------------------------------------------------------------ ends

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
  if redis.call('XLEN', 'history') > MAX_HISTORY then
    redis.call('INCRBY', 'history:lost', redis.call('XTRIM', 'history', 'MAXLEN', MAX_HISTORY))
  end
  return tonumber((time_of(entry)))
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

------------------------------------------------------------------------------------ worker

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
register('read_record', read_record, {'no-writes'})
register('list', list, {'allow-oom'})
register('attend', attend, {'allow-oom'})
register('finish', finish, {'allow-oom'})
register('finish_all', finish_all, {'allow-oom'})
register('retry', retry, {'allow-oom'})
register('cancel', cancel, {'allow-oom'})
register('claim', claim, {'allow-oom'})
register('append', append, {'allow-oom'})
register('remember', remember, {'allow-oom'})
register('give_back', give_back, {'allow-oom'})
register('beat', beat, {'allow-oom'})
register('reap', reap, {'allow-oom'})
register('evidence', evidence, {'allow-oom'})
register('leave', leave, {'allow-oom'})
register('prepare', prepare, {'allow-oom'})
