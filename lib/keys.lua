
------------------------------------------------------------------------------------ API keys

-- key:<id>   hash: tenant, scopes, name, hash (hex of HMAC-SHA-256(pepper, key)), created_at, expires_ms (0 = never),
--            used_at; gone when it was revoked or has expired
-- keys       set: every id; those whose hash has expired are dropped when somebody lists them
-- channel keys: the id of a key that came, went or changed. Doors forget what they know of it at once.
--
-- The key itself is never here. Two live keys of one tenant may have the same name: the second comes by rotating the
-- first, which then ends by itself.

do   -- a chunk has room for 200 locals only

local KEY_FIELDS = {'tenant', 'scopes', 'name', 'hash', 'created_at', 'expires_ms', 'used_at'}
local MAX_KEYS_OF_A_NAME = 2
local USED_EVERY_MS = 60000

local function key_text(id, key)
  return cjson.encode({id = id, tenant = key[1], scopes = key[2], name = key[3], created_at = key[5],
    expires_ms = tonumber(key[6]), used_at = key[7] or cjson.null})
end

local function key_write(id, key)
  for i, field in ipairs(KEY_FIELDS) do
    if key[i] then redis.call('HSET', 'key:' .. id, field, key[i]) end
  end
  if key[6] ~= '0' then redis.call('PEXPIREAT', 'key:' .. id, key[6]) end
  redis.call('SADD', 'keys', id)
  redis.call('PUBLISH', 'keys', id)
end

-- {id, fields…}* of the keys that are there.
local function keys_read()
  local out, ids = {}, redis.call('SMEMBERS', 'keys')
  table.sort(ids)
  for _, id in ipairs(ids) do
    local key = redis.call('HMGET', 'key:' .. id, unpack(KEY_FIELDS))
    if key[1] then
      out[#out + 1] = {id, key}
    else
      redis.call('SREM', 'keys', id)
    end
  end
  return out
end

local function keys_of_name(tenant, name)
  local n = 0
  for _, one in ipairs(keys_read()) do
    if one[2][1] == tenant and one[2][3] == name then n = n + 1 end
  end
  return n
end

-- ARGV id, tenant, scopes, name, hash, at, expires ms (0 = never)   -> the key as JSON
local function key_add(K, A)
  if redis.call('EXISTS', 'key:' .. A[1]) == 1 then return redis.error_reply('EXISTS this id is taken') end
  if keys_of_name(A[2], A[4]) > 0 then
    return redis.error_reply('NAME the tenant has a key of this name: rotate it, or give the new one another name')
  end
  local key = {A[2], A[3], A[4], A[5], A[6], A[7]}
  key_write(A[1], key)
  return key_text(A[1], key)
end

-- -> every key as JSON
local function key_list()
  local out = {}
  for i, one in ipairs(keys_read()) do out[i] = key_text(one[1], one[2]) end
  return '[' .. table.concat(out, ',') .. ']'
end

-- ARGV id
local function key_revoke(K, A)
  if redis.call('DEL', 'key:' .. A[1]) == 0 then return redis.error_reply('NOKEY there is no such key') end
  redis.call('SREM', 'keys', A[1])
  redis.call('PUBLISH', 'keys', A[1])
  return '{"revoked":"' .. A[1] .. '"}'
end

-- ARGV old id, new id, new hash, at, ms from now at which the old one ends   -> the new key as JSON
-- The new key is what the old one was, under the same name.
local function key_rotate(K, A)
  local old = redis.call('HMGET', 'key:' .. A[1], unpack(KEY_FIELDS))
  if not old[1] then return redis.error_reply('NOKEY there is no such key') end
  if redis.call('EXISTS', 'key:' .. A[2]) == 1 then return redis.error_reply('EXISTS this id is taken') end
  if keys_of_name(old[1], old[3]) >= MAX_KEYS_OF_A_NAME then
    return redis.error_reply('TWO there are two live keys of this name already: revoke one of them first')
  end
  local ends = now_ms() + tonumber(A[5])
  if old[6] == '0' or ends < tonumber(old[6]) then old[6] = string.format('%d', ends) end
  local new = {old[1], old[2], old[3], A[3], A[4], '0'}
  key_write(A[2], new)
  key_write(A[1], old)
  return key_text(A[2], new)
end

-- ARGV id, at   -> nil (no such key) | {tenant, scopes, hash, expires ms}. Notes that it is in use, now and then.
local function key_get(K, A)
  local key = redis.call('HMGET', 'key:' .. A[1], 'tenant', 'scopes', 'hash', 'expires_ms', 'used_ms')
  if not key[1] then return nil end
  local now = now_ms()
  if now - tonumber(key[5] or 0) >= USED_EVERY_MS then
    redis.call('HSET', 'key:' .. A[1], 'used_at', A[2], 'used_ms', string.format('%d', now))
  end
  return {key[1], key[2], key[3], key[4]}
end

register('key_add', key_add, {})
register('key_list', key_list, {'allow-oom'})
register('key_revoke', key_revoke, {'allow-oom'})
register('key_rotate', key_rotate, {})
register('key_get', key_get, {'allow-oom'})

end
