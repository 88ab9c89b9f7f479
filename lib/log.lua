
------------------------------------------------------------------------------------ a job's log

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
local function trim_log(id, log)
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
  local rest = n == 1 and lines[1] or table.concat(lines, '\n', n - (n - 1) % MAX_TOGETHER)
  local before = n == seq - 1 and (known or first_of(id))
  redis.call('XADD', log, digits(seq) .. '-0', 'e', before and before .. '\n' .. rest or rest)
  redis.call('PUBLISH', 'ev:' .. id, n > MAX_TOGETHER and table.concat(lines, '\n') or rest)
  if seq % LOG_LOOK_EVERY < n then trim_log(id, log) end
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

register('read_log', read_log, {'no-writes'})
register('read_record', read_record, {'no-writes'})
