
------------------------------------------------------------------------------------ provider slots

-- A permit, `<worker>#<epoch>.<seq>#<tokens>`, is the right to one call. Held ones stand in sem:{p}:held with the end
-- of their lease, waiting ones in sem:{p}:wait with their fair-queue tag. Whatever frees a slot hands it to
-- the lowest tag and tells its worker; nobody polls. Holders report what they hold with every beat
-- (slots_sync), which is the truth; the message is a hint.
--
-- sem:{p}:st holds the settings and the state of the limiter:
--   max, configured     the limit in force, and what the workers' configuration said when it was set
--   limit               what is allowed now: cut by 0.7 on 429/503/529, grown back by one an interval, ≤ max
--   paused_until        no grants before it (ms)
--   rpm, tpm            requests and tokens a minute, 0 = no limit (GCRA; request_tat, token_tat)

local SLOT_LEASE_MS = 30000
local CUT_FACTOR, CUT_EVERY_MS, GROW_EVERY_MS = 0.7, 1000, 5000
local RATE_BURST_MS = 1000
local MIN_PAUSE_MS = 200
local FREEZE_MS = 1500
local MAX_FLOWS = 4096

local function sem(provider, what) return 'sem:{' .. provider .. '}:' .. what end
local function permit_worker(permit) return string.match(permit, '^[^#]*') end
local function permit_tokens(permit) return tonumber(string.match(permit, '#(%d+)$')) end

local SETTINGS = {'limit', 'max', 'paused_until', 'rpm', 'tpm', 'request_tat', 'token_tat', 'cut_at', 'grown_at'}
local function settings(provider)
  local values, s = redis.call('HMGET', sem(provider, 'st'), unpack(SETTINGS)), {}
  for i, name in ipairs(SETTINGS) do s[name] = tonumber(values[i] or 0) end
  return s
end

-- Milliseconds until the rates allow this call; 0 = now, and it is charged.
local function charge_rates(provider, s, now, tokens)
  if s.rpm == 0 and s.tpm == 0 then return 0 end
  local request_tat, token_tat = math.max(now, s.request_tat), math.max(now, s.token_tat)
  local wait = 0
  if s.rpm > 0 then wait = request_tat - now - RATE_BURST_MS end
  if s.tpm > 0 then wait = math.max(wait, token_tat - now - RATE_BURST_MS) end
  if wait > 0 then return math.ceil(wait) end
  if s.rpm > 0 then s.request_tat = request_tat + 60000 / s.rpm end
  if s.tpm > 0 then s.token_tat = token_tat + tokens * 60000 / s.tpm end
  redis.call('HSET', sem(provider, 'st'), 'request_tat', s.request_tat, 'token_tat', s.token_tat)
  return 0
end

-- How many slots are in use; drops permits whose lease ran out, but looks for them only when full.
local function in_use(provider, s, now)
  local held = sem(provider, 'held')
  local n = redis.call('ZCARD', held)
  if n >= math.floor(s.limit) then n = n - redis.call('ZREMRANGEBYSCORE', held, '-inf', now) end
  return n
end

-- Hands free slots to the head of the queue. Returns ms after which somebody must pump again, 0 = nobody.
local function pump(provider, s, now)
  if s.paused_until > now then return s.paused_until - now end
  local held, wait = sem(provider, 'held'), sem(provider, 'wait')
  if redis.call('EXISTS', wait) == 0 then return 0 end
  local n = in_use(provider, s, now)
  while n < math.floor(s.limit) do
    local head = redis.call('ZPOPMIN', wait)
    if not head[1] then break end
    local ms = charge_rates(provider, s, now, permit_tokens(head[1]))
    if ms > 0 then
      redis.call('ZADD', wait, head[2], head[1])
      return ms
    end
    -- Nobody listens: the waiter is dropped, and asks again with its next beat if it lives.
    if redis.call('PUBLISH', 'w:' .. permit_worker(head[1]), 'slot ' .. provider .. ' ' .. head[1]) > 0 then
      redis.call('ZADD', held, now + SLOT_LEASE_MS, head[1])
      redis.call('HSET', sem(provider, 'flows'), '', head[2])
      n = n + 1
    end
  end
  return 0
end

-- Puts a permit into the fair queue of its flow, as fair_add() does with jobs.
local function enqueue_permit(provider, permit, flow, cost)
  local flows, wait = sem(provider, 'flows'), sem(provider, 'wait')
  if redis.call('EXISTS', wait) == 0 or redis.call('HLEN', flows) > MAX_FLOWS then redis.call('DEL', flows) end
  local tags = redis.call('HMGET', flows, '', flow)
  local tag = math.max(tonumber(tags[1] or 0), tonumber(tags[2] or 0))
  redis.call('HSET', flows, flow, tag + cost)
  redis.call('ZADD', wait, tag, permit)
end

-- ARGV provider, permit, flow, cost
-- -> {1} granted | {0, how many wait before it, retry ms or 0, in use, limit, paused ms}
local function slots_acquire(K, A)
  local provider, permit, now = A[1], A[2], now_ms()
  local s = settings(provider)
  if redis.call('EXISTS', sem(provider, 'wait')) == 0 and s.paused_until <= now and
      in_use(provider, s, now) < math.floor(s.limit) and charge_rates(provider, s, now, permit_tokens(permit)) == 0 then
    redis.call('ZADD', sem(provider, 'held'), now + SLOT_LEASE_MS, permit)
    return {1}
  end
  enqueue_permit(provider, permit, A[3], tonumber(A[4]))
  local retry = pump(provider, s, now)
  if redis.call('ZSCORE', sem(provider, 'held'), permit) then return {1} end
  return {0, redis.call('ZRANK', sem(provider, 'wait'), permit) or 0, retry, redis.call('ZCARD', sem(provider, 'held')),
    math.floor(s.limit), math.max(0, s.paused_until - now)}
end

-- 429, 503 or 529: fewer slots, and nobody calls before the pause is over.
local function overloaded(provider, s, now, pause_ms)
  if now - s.cut_at >= CUT_EVERY_MS then
    s.limit = math.max(1, s.limit * CUT_FACTOR)
    redis.call('HSET', sem(provider, 'st'), 'limit', s.limit, 'cut_at', now, 'grown_at', now)
  end
  s.paused_until = math.max(s.paused_until, now + math.max(MIN_PAUSE_MS, pause_ms))
  redis.call('HSET', sem(provider, 'st'), 'paused_until', s.paused_until)
end

-- A success while every slot was in use: one slot more an interval, up to max.
local function grow(provider, s, now, was_held)
  if s.limit >= s.max or not was_held or now - s.grown_at < GROW_EVERY_MS then return end
  if redis.call('ZCARD', sem(provider, 'held')) + 1 < math.floor(s.limit) then return end
  s.limit = math.min(s.max, math.floor(s.limit) + 1)
  redis.call('HSET', sem(provider, 'st'), 'limit', s.limit, 'grown_at', now)
end

-- ARGV provider, permit, outcome ok|overloaded|failed|unused, tokens really used ('' unknown), pause ms
-- Frees a slot, or a place in the queue. -> ms until somebody must pump
local function slots_release(K, A)
  local provider, permit, now = A[1], A[2], now_ms()
  local s = settings(provider)
  local was_held = redis.call('ZREM', sem(provider, 'held'), permit) == 1
  if not was_held then redis.call('ZREM', sem(provider, 'wait'), permit) end
  if was_held and s.tpm > 0 and A[4] ~= '' then
    s.token_tat = math.max(now, s.token_tat) + (A[4] - permit_tokens(permit)) * 60000 / s.tpm
    redis.call('HSET', sem(provider, 'st'), 'token_tat', s.token_tat)
  end
  if A[3] == 'overloaded' then
    overloaded(provider, s, now, tonumber(A[5]))
  elseif A[3] == 'ok' then
    grow(provider, s, now, was_held)
  end
  return pump(provider, s, now)
end

-- ARGV provider -> ms until somebody must pump
local function slots_pump(K, A) return pump(A[1], settings(A[1]), now_ms()) end

-- ARGV provider, worker#epoch, how many it holds, held permits…, then permit, flow, cost of each that waits
-- Renews what the worker holds, puts back what was lost. -> {retry ms, permits granted to it that it does not know…}
local function slots_sync(K, A)
  local provider, now, mine = A[1], now_ms(), {}
  local held, wait, s = sem(provider, 'held'), sem(provider, 'wait'), settings(provider)
  for i = 4, 3 + A[3] do
    redis.call('ZADD', held, now + SLOT_LEASE_MS, A[i])
    mine[A[i]] = true
  end
  for i = 4 + A[3], #A, 3 do
    if not redis.call('ZSCORE', wait, A[i]) and not redis.call('ZSCORE', held, A[i]) then
      enqueue_permit(provider, A[i], A[i + 1], tonumber(A[i + 2]))
    end
  end
  local out, prefix = {pump(provider, s, now)}, A[2] .. '.'
  for _, permit in ipairs(redis.call('ZRANGE', held, 0, -1)) do
    if not mine[permit] and string.sub(permit, 1, #prefix) == prefix then out[#out + 1] = permit end
  end
  return out
end

-- ARGV provider, worker, epoch   What the worker's earlier process held or waited for is free: it is dead.
local function slots_takeover(K, A)
  local of_worker, of_this = A[2] .. '#', A[2] .. '#' .. A[3] .. '.'
  for _, what in ipairs({'held', 'wait'}) do
    for _, permit in ipairs(redis.call('ZRANGE', sem(A[1], what), 0, -1)) do
      if string.sub(permit, 1, #of_worker) == of_worker and string.sub(permit, 1, #of_this) ~= of_this then
        redis.call('ZREM', sem(A[1], what), permit)
      end
    end
  end
  return slots_pump(K, A)
end

-- ARGV provider, grace ms   A holder without a subscription for longer than the grace is dead. -> slots freed
local function slots_suspects(K, A)
  local provider, now, dead, n = A[1], now_ms(), {}, 0
  local suspects = sem(provider, 'suspects')
  for _, permit in ipairs(redis.call('ZRANGE', sem(provider, 'held'), 0, -1)) do
    local worker = permit_worker(permit)
    if dead[worker] == nil then
      if redis.call('PUBSUB', 'NUMSUB', 'w:' .. worker)[2] > 0 then
        redis.call('HDEL', suspects, worker)
        dead[worker] = false
      else
        redis.call('HSETNX', suspects, worker, now)
        dead[worker] = now - redis.call('HGET', suspects, worker) >= tonumber(A[2])
      end
    end
    if dead[worker] then n = n + redis.call('ZREM', sem(provider, 'held'), permit) end
  end
  if n > 0 then pump(provider, settings(provider), now) end
  return n
end

-- ARGV provider, max, rpm, tpm   The workers' configuration: counts when it changed, so that a limit set live
-- (slots_limit) is not undone by a restart.
local function slots_configure(K, A)
  local st, said = sem(A[1], 'st'), A[2] .. '/' .. A[3] .. '/' .. A[4]
  redis.call('SADD', 'sem:providers', A[1])
  if redis.call('HGET', st, 'configured') == said then return 0 end
  redis.call('HSET', st, 'configured', said, 'max', A[2], 'limit', A[2], 'rpm', A[3], 'tpm', A[4])
  return 1
end

-- ARGV provider, max, [rpm, tpm]   Sets the limit live. Lowering kills nothing, raising acts at once.
local function slots_limit(K, A)
  redis.call('HSET', sem(A[1], 'st'), 'max', A[2], 'limit', A[2])
  if A[3] then redis.call('HSET', sem(A[1], 'st'), 'rpm', A[3], 'tpm', A[4]) end
  pump(A[1], settings(A[1]), now_ms())
  return 'OK'
end

-- Said by every connection first. A server that is new to the fleet (restarted, failed over) grants nothing until the
-- holders have had time to report what they hold: its data may be older than their calls.
local function slots_hello()
  local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  if redis.call('GET', 'sem:boot') == run_id then return 0 end
  redis.call('SET', 'sem:boot', run_id)
  local till = now_ms() + FREEZE_MS
  for _, provider in ipairs(redis.call('SMEMBERS', 'sem:providers')) do
    local paused = tonumber(redis.call('HGET', sem(provider, 'st'), 'paused_until') or 0)
    redis.call('HSET', sem(provider, 'st'), 'paused_until', math.max(paused, till))
  end
  return 1
end

register('slots_acquire', slots_acquire, {'allow-oom'})
register('slots_release', slots_release, {'allow-oom'})
register('slots_pump', slots_pump, {'allow-oom'})
register('slots_sync', slots_sync, {'allow-oom'})
register('slots_takeover', slots_takeover, {'allow-oom'})
register('slots_suspects', slots_suspects, {'allow-oom'})
register('slots_configure', slots_configure, {'allow-oom'})
register('slots_limit', slots_limit, {'allow-oom'})
register('slots_hello', slots_hello, {'allow-oom'})
