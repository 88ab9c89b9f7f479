
------------------------------------------------------------------------------------ provider slots

-- A permit, `<worker>#<epoch>.<seq>#<tokens>`, is the right to one call. Held ones stand in sem:{p}:held with the end
-- of their lease, waiting ones in sem:{p}:wait with their fair-queue tag. Whatever frees a slot hands it to
-- the lowest tag and tells its worker; nobody polls. Holders report what they hold with every beat
-- (slots_sync), which is the truth; the message is a hint. Invariant: held grows past the limit only by what a
-- sync says is really under way.
--
-- sem:{p}:st holds the settings and the state of the limiter; an operator may set the first three by hand:
--   max, rpm, tpm       slots, requests and tokens a minute; 0 = no slot, no such rate (GCRA; request_tat, token_tat)
--   limit, limit_of     what is allowed now: cut by 0.7 on 429/503/529, grown back by one an interval; it counts
--                       while max is still limit_of
--   paused_until        no grants before it (ms)
--   strikes             cuts in a row without a success between
--   configured          what the workers' configuration said when max, rpm and tpm were last taken from it

local SLOT_LEASE_MS = 30000
local CUT_FACTOR, CUT_EVERY_MS, GROW_EVERY_MS = 0.7, 1000, 5000
local RATE_BURST_MS = 1000
local MIN_PAUSE_MS, MAX_OWN_PAUSE_MS, MAX_PAUSE_MS = 200, 30000, 3600000
local FREEZE_MS = 1500
local MAX_SLOT_FLOWS = 4096
local TIE = 1e-6             -- the virtual time moves so far with each arrival: equals are served in order
local SUSPECTS_EVERY_MS = 400

local function sem(provider, what) return 'sem:{' .. provider .. '}:' .. what end
local function permit_worker(permit) return string.match(permit, '^[^#]*') end
local function permit_tokens(permit) return tonumber(string.match(permit, '#(%d+)$') or 0) end

local SETTINGS = {'limit', 'limit_of', 'max', 'paused_until', 'rpm', 'tpm', 'request_tat', 'token_tat', 'cut_at',
  'grown_at', 'strikes'}
local function settings(provider)
  local values, s = redis.call('HMGET', sem(provider, 'st'), unpack(SETTINGS)), {}
  for i, name in ipairs(SETTINGS) do s[name] = tonumber(values[i] or 0) or 0 end
  if s.limit_of ~= s.max then s.limit = s.max end
  s.limit = math.floor(s.limit)
  return s
end

local function set_limit(provider, s, limit, ...)
  s.limit = limit
  redis.call('HSET', sem(provider, 'st'), 'limit', limit, 'limit_of', s.max, ...)
end

local function is_rated(s) return (s.rpm > 0 or s.tpm > 0) and 1 or 0 end

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

-- Corrects what a permit was charged, when it is freed: by the tokens really used, or wholly when no call was made.
local function settle_rates(provider, s, permit, outcome, tokens)
  if s.rpm == 0 and s.tpm == 0 then return end
  if outcome == 'unused' then
    if s.rpm > 0 then s.request_tat = s.request_tat - 60000 / s.rpm end
    tokens = 0
  elseif tokens == '' then
    return
  end
  if s.tpm > 0 then s.token_tat = s.token_tat + (tokens - permit_tokens(permit)) * 60000 / s.tpm end
  redis.call('HSET', sem(provider, 'st'), 'request_tat', s.request_tat, 'token_tat', s.token_tat)
end

-- How many slots are in use; drops permits whose lease ran out, but looks for them only when full.
local function in_use(provider, s, now)
  local held = sem(provider, 'held')
  local n = redis.call('ZCARD', held)
  if n >= s.limit then n = n - redis.call('ZREMRANGEBYSCORE', held, '-inf', now) end
  return n
end

-- Hands free slots to the head of the queue. n: how many are in use, if that is known. Returns ms after which somebody
-- must pump again, 0 = nobody.
local function pump(provider, s, now, n)
  local held, wait, retry, tag = sem(provider, 'held'), sem(provider, 'wait'), 0, nil
  if redis.call('EXISTS', wait) == 0 then return 0 end
  if s.paused_until > now then return s.paused_until - now end
  n = n or in_use(provider, s, now)
  while n < s.limit do
    local head = redis.call('ZPOPMIN', wait)
    if not head[1] then break end
    retry = charge_rates(provider, s, now, permit_tokens(head[1]))
    if retry > 0 then
      redis.call('ZADD', wait, head[2], head[1])
      break
    end
    -- Nobody listens: the waiter is dropped, and asks again with its next beat if it lives.
    if redis.call('PUBLISH', 'w:' .. permit_worker(head[1]), 'slot ' .. provider .. ' ' .. head[1]) > 0 then
      redis.call('ZADD', held, now + SLOT_LEASE_MS, head[1])
      n, tag = n + 1, head[2]
    else
      settle_rates(provider, s, head[1], 'unused', '')
    end
  end
  if tag then
    local flows = sem(provider, 'flows')
    if tonumber(tag) > tonumber(redis.call('HGET', flows, '') or 0) then redis.call('HSET', flows, '', tag) end
  end
  return retry
end

-- Puts a permit into the queue by start-time fair queueing over flows: at the virtual time, or behind what its flow
-- asked for before. sem:{p}:flows holds the virtual time in field '' and a finish tag a flow. When nobody
-- waits, old tags mean nothing; when there are too many, only the virtual time must live on: with it lost, newcomers
-- would overtake all who wait.
local function enqueue_permit(provider, permit, flow, cost)
  local flows, wait = sem(provider, 'flows'), sem(provider, 'wait')
  if redis.call('EXISTS', wait) == 0 then redis.call('DEL', flows) end
  local tags = redis.call('HMGET', flows, '', flow)
  local virtual = tonumber(tags[1] or 0)
  local tag = math.max(virtual, tonumber(tags[2] or 0))
  if redis.call('HLEN', flows) > MAX_SLOT_FLOWS then redis.call('DEL', flows) end
  redis.call('HSET', flows, '', virtual + TIE, flow, tag + cost)
  redis.call('ZADD', wait, tag, permit)
end

-- ARGV provider, permit, flow, cost
-- -> {1, rated} granted | {0, rated, how many wait before it, retry ms or 0, in use, limit, paused ms}
local function slots_acquire(K, A)
  local provider, permit, now = A[1], A[2], now_ms()
  local s, held, wait = settings(provider), sem(provider, 'held'), sem(provider, 'wait')
  local n, rated = in_use(provider, s, now), is_rated(s)
  local is_open = n < s.limit and s.paused_until <= now
  if is_open and redis.call('EXISTS', wait) == 0 and charge_rates(provider, s, now, permit_tokens(permit)) == 0 then
    redis.call('ZADD', held, now + SLOT_LEASE_MS, permit)
    return {1, rated}
  end
  enqueue_permit(provider, permit, A[3], tonumber(A[4]))
  local retry = 0
  if is_open then
    retry = pump(provider, s, now, n)
    if redis.call('ZSCORE', held, permit) then return {1, rated} end
  end
  local paused = math.max(0, s.paused_until - now)
  return {0, rated, redis.call('ZRANK', wait, permit) or 0, math.max(retry, paused), n, s.limit, paused}
end

-- 429, 503 or 529: fewer slots, and nobody calls before the pause is over. Answers of calls that were under way
-- together count as one cut; a provider that names no time is left alone for longer with each cut in a row.
local function overloaded(provider, s, now, asked_ms)
  if now - s.cut_at >= CUT_EVERY_MS then
    s.strikes = s.strikes + 1
    set_limit(provider, s, math.min(s.limit, math.max(1, math.floor(s.limit * CUT_FACTOR))), 'cut_at', now,
      'grown_at', now, 'strikes', s.strikes)
  end
  local pause_ms = asked_ms
  if asked_ms == 0 then pause_ms = math.min(MAX_OWN_PAUSE_MS, MIN_PAUSE_MS * 2 ^ math.min(20, s.strikes - 1)) end
  pause_ms = math.min(MAX_PAUSE_MS, math.max(MIN_PAUSE_MS, pause_ms))
  s.paused_until = math.max(s.paused_until, now + pause_ms)
  redis.call('HSET', sem(provider, 'st'), 'paused_until', s.paused_until)
end

-- A success: it was not the provider's end. While every slot is in use: one slot more an interval, up to max.
local function succeeded(provider, s, now)
  if s.strikes > 0 and s.paused_until <= now then redis.call('HSET', sem(provider, 'st'), 'strikes', 0) end
  if s.limit >= s.max or now - s.grown_at < GROW_EVERY_MS then return end
  if redis.call('ZCARD', sem(provider, 'held')) + 1 < s.limit then return end
  set_limit(provider, s, s.limit + 1, 'grown_at', now)
end

-- ARGV provider, permit, outcome ok|overloaded|failed|unused, tokens really used ('' unknown), pause ms (0 unknown)
-- Frees a slot. Repeated after a lost reply it does nothing. -> ms until somebody must pump
local function slots_release(K, A)
  local provider, permit, now = A[1], A[2], now_ms()
  local s = settings(provider)
  if redis.call('ZREM', sem(provider, 'held'), permit) == 1 then
    settle_rates(provider, s, permit, A[3], A[4])
    if A[3] == 'overloaded' then
      overloaded(provider, s, now, tonumber(A[5]))
    elseif A[3] == 'ok' then
      succeeded(provider, s, now)
    end
  else
    redis.call('ZREM', sem(provider, 'wait'), permit)
  end
  return pump(provider, s, now)
end

-- ARGV provider, permits…   Takes back wishes; those that were granted meanwhile are free. -> ms until somebody must pump
local function slots_withdraw(K, A)
  local provider, now, s = A[1], now_ms(), nil
  for i = 2, #A do
    if redis.call('ZREM', sem(provider, 'wait'), A[i]) == 0 and redis.call('ZREM', sem(provider, 'held'), A[i]) == 1 then
      s = s or settings(provider)
      settle_rates(provider, s, A[i], 'unused', '')
    end
  end
  return s and pump(provider, s, now) or 0
end

-- ARGV provider -> ms until somebody must pump
local function slots_pump(K, A) return pump(A[1], settings(A[1]), now_ms()) end

-- ARGV provider, worker#epoch, how many it holds, held permits…, then permit, flow, cost of each that waits
-- Renews what the worker holds, puts back what was lost.
-- -> {retry ms, rated, permits granted to it that it does not know…}
local function slots_sync(K, A)
  local provider, now, mine = A[1], now_ms(), {}
  local held, wait, s = sem(provider, 'held'), sem(provider, 'wait'), settings(provider)
  redis.call('HDEL', sem(provider, 'suspects'), permit_worker(A[2]))
  for i = 4, 3 + A[3] do
    redis.call('ZADD', held, now + SLOT_LEASE_MS, A[i])
    mine[A[i]] = true
  end
  for i = 4 + A[3], #A, 3 do
    if not redis.call('ZSCORE', wait, A[i]) and not redis.call('ZSCORE', held, A[i]) then
      enqueue_permit(provider, A[i], A[i + 1], tonumber(A[i + 2]))
    end
  end
  local out, prefix = {pump(provider, s, now), is_rated(s)}, A[2] .. '.'
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

-- Whether a worker has been deaf, and without a beat, for longer than the grace.
local function is_dead(provider, worker, now, grace_ms)
  local suspects = sem(provider, 'suspects')
  if redis.call('PUBSUB', 'NUMSUB', 'w:' .. worker)[2] > 0 then
    redis.call('HDEL', suspects, worker)
    return false
  end
  redis.call('HSETNX', suspects, worker, now)
  return now - redis.call('HGET', suspects, worker) >= grace_ms
end

-- ARGV provider, grace ms   Frees what the dead hold. Asked by every worker once a second, and so also pumps for those
-- whose own timer died with them. -> ms until somebody must pump
local function slots_suspects(K, A)
  local provider, now, dead = A[1], now_ms(), {}
  if redis.call('SET', sem(provider, 'looked'), '', 'PX', SUSPECTS_EVERY_MS, 'NX') then
    for _, permit in ipairs(redis.call('ZRANGE', sem(provider, 'held'), 0, -1)) do
      local worker = permit_worker(permit)
      if dead[worker] == nil then dead[worker] = is_dead(provider, worker, now, tonumber(A[2])) end
      if dead[worker] then redis.call('ZREM', sem(provider, 'held'), permit) end
    end
    for worker, is in pairs(dead) do
      if is then redis.call('HDEL', sem(provider, 'suspects'), worker) end
    end
  end
  return pump(provider, settings(provider), now)
end

local function frozen_until() return tonumber(redis.call('GET', 'sem:booted') or 0) + FREEZE_MS end

local function pause_until(provider, till)
  local paused = tonumber(redis.call('HGET', sem(provider, 'st'), 'paused_until') or 0)
  if paused < till then redis.call('HSET', sem(provider, 'st'), 'paused_until', till) end
end

-- ARGV provider, max, rpm, tpm, held before 0|1   The workers' configuration: counts when it changed, so that a limit set
-- live (slots_limit) is not undone by a restart. A worker that held slots before says so: a server that came back
-- empty knows no provider to freeze, so it is done here.
local function slots_configure(K, A)
  local st, said = sem(A[1], 'st'), A[2] .. '/' .. A[3] .. '/' .. A[4]
  redis.call('SADD', 'sem:providers', A[1])
  if A[5] == '1' then
    pause_until(A[1], frozen_until())
  end
  if redis.call('HGET', st, 'configured') == said then return 0 end
  redis.call('HSET', st, 'configured', said, 'max', A[2], 'limit', A[2], 'limit_of', A[2], 'rpm', A[3], 'tpm', A[4])
  pump(A[1], settings(A[1]), now_ms())
  return 1
end

-- ARGV provider, max, [rpm, tpm]   Sets the limit live, and ends a cut and a pause. Lowering kills nothing, raising acts
-- at once.
local function slots_limit(K, A)
  local st = sem(A[1], 'st')
  for i = 2, #A do
    if not string.match(A[i], '^%d+$') then return redis.error_reply('INVALID limits are whole numbers') end
  end
  redis.call('SADD', 'sem:providers', A[1])
  redis.call('HSET', st, 'max', A[2], 'limit', A[2], 'limit_of', A[2], 'strikes', 0, 'paused_until',
    math.min(settings(A[1]).paused_until, frozen_until()))
  if A[3] then redis.call('HSET', st, 'rpm', A[3], 'tpm', A[4] or 0) end
  pump(A[1], settings(A[1]), now_ms())
  return 'OK'
end

-- Said by every connection first. A server that is new to the fleet (restarted, failed over) grants nothing until the
-- holders have had time to report what they hold: its data may be older than their calls.
local function slots_hello()
  local run_id, now = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'), now_ms()
  if redis.call('GET', 'sem:boot') == run_id then return 0 end
  redis.call('SET', 'sem:boot', run_id)
  redis.call('SET', 'sem:booted', now)
  for _, provider in ipairs(redis.call('SMEMBERS', 'sem:providers')) do pause_until(provider, now + FREEZE_MS) end
  return 1
end

register('slots_acquire', slots_acquire, {'allow-oom'})
register('slots_release', slots_release, {'allow-oom'})
register('slots_withdraw', slots_withdraw, {'allow-oom'})
register('slots_pump', slots_pump, {'allow-oom'})
register('slots_sync', slots_sync, {'allow-oom'})
register('slots_takeover', slots_takeover, {'allow-oom'})
register('slots_suspects', slots_suspects, {'allow-oom'})
register('slots_configure', slots_configure, {'allow-oom'})
register('slots_limit', slots_limit, {'allow-oom'})
register('slots_hello', slots_hello, {'allow-oom'})
