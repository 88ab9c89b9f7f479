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
local LIVE = {queued = true, waiting = true, running = true, retrying = true, cancelling = true}
local FENCED = 'FENCED the job was taken over'

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

-- The ms and the number of a stream's id.
local function time_of(entry) return string.sub(entry, 1, 13), string.sub(entry, 15) end

-- Only enqueue is refused when memory is full: everything that ends or frees work must run.
local function register(name, callback, flags)
  redis.register_function{function_name = 'parley1_' .. name, callback = callback, flags = flags}
end

-- KEYS streams…   Makes the consumer groups.
local function prepare(K)
  for _, stream in ipairs(K) do redis.pcall('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM') end
  return 'OK'
end

register('prepare', prepare, {'allow-oom'})
