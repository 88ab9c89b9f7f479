
------------------------------------------------------------------------------------ money

-- Every call of a model reserves what it can cost at most before it is sent, and settles what it did cost
-- after it. Amounts are whole micro-dollars, far below 2^53.
--
-- job:<id>:money holds spent, held (reserved by calls under way), doubt and doubts (below), calls, input, output, and
-- a field a call under way: call:<key> = '<fence> sent|idle <amount> <day>'. tenant:<t>:spend:<yyyymmdd> (UTC, by Redis'
-- clock) holds the same sums over a tenant's day. A call belongs to the day in which it was reserved.
--
-- A call whose worker died is in doubt: nobody knows whether it was made. If its answer was saved after all, it
-- costs what the answer says; else its worst case counts as spent (a budget is a hard limit) and is shown in
-- usage.uncertain. That is booked when the job is taken over (money_doubt in start()) or ends (money_close).

local SPEND_KEPT_S = 8 * 86400

local function day_of(ms)
  local z = math.floor(ms / 86400000) + 719468           -- days since 0000-03-01
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local month = math.floor((5 * doy + 2) / 153)          -- 0 = March
  local day = doy - math.floor((153 * month + 2) / 5) + 1
  local year = yoe + era * 400
  if month > 9 then return string.format('%04d%02d%02d', year + 1, month - 9, day) end
  return string.format('%04d%02d%02d', year, month + 3, day)
end

local function micro(usd) return math.floor(tonumber(usd) * 1e6 + 0.5) end

local function read_call(value)
  local fence, state, amount, day = string.match(value or '', '^(%S+) (%S+) (%S+) (%S+)$')
  return fence and {fence = fence, state = state, amount = tonumber(amount), day = day}
end

-- Adds to the sums of the job and of its tenant's day. more = {field, amount, …}
local function add_money(money, spend, more)
  local known = redis.call('EXISTS', spend) == 1   -- an expired day is not brought back
  for i = 1, #more, 2 do
    if more[i + 1] ~= 0 then
      redis.call('HINCRBY', money, more[i], more[i + 1])
      if known then redis.call('HINCRBY', spend, more[i], more[i + 1]) end
    end
  end
end

-- Books what calls under way had reserved as spent or in doubt: nobody is left to settle them.
money_doubt = function(id, tenant)
  local key = 'job:' .. id
  local money = key .. ':money'
  local fields = redis.call('HGETALL', money)
  for i = 1, #fields, 2 do
    local name = string.match(fields[i], '^call:(.*)$')
    local call = name and read_call(fields[i + 1])
    if call then
      local answer = redis.call('HGET', key .. ':steps', name)
      local cost = answer and string.match(answer, '"cost_usd":([%d.eE+-]+)')
      local more = {'held', -call.amount}
      if cost then
        more = {'held', -call.amount, 'spent', math.ceil(tonumber(cost) * 1e6), 'calls', 1,
          'input', tonumber(string.match(answer, '"input_tokens":(%d+)') or 0),
          'output', tonumber(string.match(answer, '"output_tokens":(%d+)') or 0)}
      elseif call.state == 'sent' or call.amount > 0 then
        more = {'held', -call.amount, 'doubt', call.amount, 'doubts', 1}
      end
      redis.call('HDEL', money, fields[i])
      add_money(money, 'tenant:' .. tenant .. ':spend:' .. call.day, more)
    end
  end
end

-- At the job's end. usage: what the worker knows, which counts for a job that never asked for money.
-- -> usage with what is in doubt, as the record and the last event show it; what it cost in all (dollars)
money_close = function(id, tenant, usage, ttl_ms)
  local money = 'job:' .. id .. ':money'
  if redis.call('EXISTS', money) == 0 then return usage, '0' end
  money_doubt(id, tenant)
  if ttl_ms then redis.call('PEXPIRE', money, ttl_ms) end   -- false: a dead letter keeps what it has
  local m = redis.call('HMGET', money, 'calls', 'input', 'output', 'spent', 'doubts', 'doubt')
  for i = 1, 6 do m[i] = tonumber(m[i] or 0) end
  usage = string.format('{"calls":%d,"input_tokens":%d,"output_tokens":%d,"cost_usd":%.8g}', m[1], m[2], m[3],
    m[4] / 1e6)
  if m[5] > 0 then
    usage = string.sub(usage, 1, -2) .. string.format(',"uncertain":{"calls":%d,"cost_usd":%.8g}}', m[5], m[6] / 1e6)
  end
  return usage, string.format('%.6f', (m[4] + m[6]) / 1e6)
end

-- Whether the amount fits. -> nil, or {'HELD' (it may, when others settle) | 'SPENT', whose, cap, spent, held}
local function over(whose, cap, hash, old, amount)
  if not cap then return nil end
  local m = redis.call('HMGET', hash, 'spent', 'doubt', 'held')
  local gone, held = tonumber(m[1] or 0) + tonumber(m[2] or 0), tonumber(m[3] or 0) - old
  if gone + held + amount <= cap then return nil end
  return {gone + amount > cap and 'SPENT' or 'HELD', whose, cap, gone, held}
end

-- KEYS job, tenant   ARGV fence, call's key, amount, job's budget ('' none), budget a day of tenants that have none of
-- their own (0 none), [1: it is sent whatever the budgets say]
-- Right before a call is sent. amount: what it can have cost after this try, earlier tries included; a second
-- reservation of the same call replaces the first.
-- -> {'OK', 1 when some budget is set} | {'HELD'|'SPENT', 'job'|'tenant', budget, spent, held by other calls}
local function money_reserve(K, A)
  local job = redis.call('HMGET', K[1], 'fence', 'state', 'budget_usd')
  if job[1] ~= A[1] or (job[2] ~= 'running' and job[2] ~= 'cancelling') then return redis.error_reply(FENCED) end
  local money, day = K[1] .. ':money', day_of(now_ms())
  local call = read_call(redis.call('HGET', money, 'call:' .. A[2]))
  local old, amount = call and call.amount or 0, tonumber(A[3])
  if call then day = call.day end
  local spend = K[2] .. ':spend:' .. day

  local job_cap = job[3] and micro(job[3]) or tonumber(A[4])     -- nil when there is none
  local own = redis.call('HGET', K[2], 'budget_usd_day')
  local tenant_cap = own and micro(own) or tonumber(A[5])
  if tenant_cap == 0 then tenant_cap = nil end
  if A[6] ~= '1' then
    local no = over('job', job_cap, money, old, amount) or over('tenant', tenant_cap, spend, old, amount)
    if no then return no end
  end

  redis.call('HSET', money, 'call:' .. A[2], A[1] .. ' sent ' .. A[3] .. ' ' .. day)
  redis.call('HINCRBY', money, 'held', amount - old)
  if redis.call('HINCRBY', spend, 'held', amount - old) == amount then
    redis.call('EXPIRE', spend, SPEND_KEPT_S)
    redis.call('SADD', 'tenants', string.sub(K[2], 8))
  end
  return {'OK', (job_cap or tenant_cap) and 1 or 0}
end

-- KEYS job, tenant   ARGV fence, call's key, cost so far, input tokens, output tokens, how:
--   done   the call is over and cost that
--   more   a try failed and another follows: only the cost so far stays reserved meanwhile
--   doubt  the call was broken off and its answer is lost; the cost is an estimate
--   drop   the call was never sent and cost nothing
-- -> 1, or 0 when there is no such reservation (any more): repeating it changes nothing
local function money_settle(K, A)
  local money = K[1] .. ':money'
  local call = read_call(redis.call('HGET', money, 'call:' .. A[2]))
  if not call or call.fence ~= A[1] then return 0 end
  local cost, spend = tonumber(A[3]), K[2] .. ':spend:' .. call.day
  if A[6] == 'more' then
    redis.call('HSET', money, 'call:' .. A[2], A[1] .. ' idle ' .. A[3] .. ' ' .. call.day)
    add_money(money, spend, {'held', cost - call.amount})
    return 1
  end
  redis.call('HDEL', money, 'call:' .. A[2])
  local more = {'held', -call.amount}
  if A[6] == 'done' then
    more = {'held', -call.amount, 'spent', cost, 'calls', 1, 'input', tonumber(A[4]), 'output', tonumber(A[5])}
  elseif A[6] == 'doubt' then
    more = {'held', -call.amount, 'doubt', cost, 'doubts', 1}
  end
  add_money(money, spend, more)
  return 1
end

-- Of its own, by <kind>.<name>: {interval_us, burst}; nil = none.
local function rates_of_tenant(tenant)
  local fields, rates, any = redis.call('HGETALL', 'tenant:' .. tenant), {}, false
  for i = 1, #fields, 2 do
    local kind, name = string.match(fields[i], '^rate:([^:]+):(.+)$')
    if kind then
      local interval, burst = string.match(fields[i + 1], '^(%d+)/(%d+)$')
      rates[kind .. '.' .. name], any = {interval_us = tonumber(interval), burst = tonumber(burst)}, true
    end
  end
  return any and rates or nil
end

local TENANT_FIELDS = {'open', 'budget_usd_day', 'weight', 'max_running', 'max_open'}

-- ARGV tenants…, none = all that were set up or have spent   -> JSON, a row each; amounts in dollars
local function money_tenants(K, A)
  local day, rows, names = day_of(now_ms()), {}, A
  if not names[1] then names = redis.call('SMEMBERS', 'tenants') end
  table.sort(names)
  for i, tenant in ipairs(names) do
    local values = redis.call('HMGET', 'tenant:' .. tenant, unpack(TENANT_FIELDS))
    local spend = redis.call('HMGET', 'tenant:' .. tenant .. ':spend:' .. day, 'spent', 'doubt', 'held', 'calls')
    local row = {tenant = tenant, day = day, calls = tonumber(spend[4] or 0), held_usd = tonumber(spend[3] or 0) / 1e6,
      spent_usd = (tonumber(spend[1] or 0) + tonumber(spend[2] or 0)) / 1e6}
    for n, field in ipairs(TENANT_FIELDS) do row[field] = tonumber(values[n] or nil) end
    row.rates = rates_of_tenant(tenant)
    rows[i] = cjson.encode(row)
  end
  return '[' .. table.concat(rows, ',') .. ']'
end

-- ARGV tenant, then field, value ('' = as the fleet's configuration says) …
local function money_tenant_set(K, A)
  redis.call('SADD', 'tenants', A[1])
  for i = 2, #A, 2 do
    if A[i + 1] == '' then
      redis.call('HDEL', 'tenant:' .. A[1], A[i])
    else
      redis.call('HSET', 'tenant:' .. A[1], A[i], A[i + 1])
    end
  end
  return 'OK'
end

register('money_reserve', money_reserve, {'allow-oom'})
register('money_settle', money_settle, {'allow-oom'})
register('money_tenants', money_tenants, {'no-writes'})
register('money_tenant_set', money_tenant_set, {'allow-oom'})
