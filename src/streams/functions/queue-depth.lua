-- Counts the batches of a partition that are due and that no worker has, and says for how long the one that waits longest has been due.
-- It only reads, and a bounded number of places. Of each partner's line it looks at the first place of those that have begun and of
-- those that have not; they have waited since their log was last appended to.
-- KEYS: ready, waiting, timers, open
-- ARGV: none
-- Returns the number of batches, and the longest wait in milliseconds: 0 if none waits.
local LINES_MAX = 64

local function group_of(ready)
  if redis.call('EXISTS', ready) == 0 then return nil end
  for _, found in ipairs(redis.call('XINFO', 'GROUPS', ready)) do
    local group = {}
    for i = 1, #found, 2 do group[found[i]] = found[i + 1] end
    if group['name'] == GROUP then return group end
  end
end

-- Since when the first places of lines wait, in milliseconds.
local function in_line_since(waiting, open)
  local since, from = {}, '-'
  for _ = 1, LINES_MAX do
    local first = redis.call('ZRANGEBYLEX', waiting, from, '+', 'LIMIT', 0, 1)[1]
    if not first then break end
    local shard = string.match(first, '^[^:]+')
    local new = places_of(waiting, shard, ':' .. POSTPONED, ';', 1)[1]
    for _, place in ipairs({ first, new }) do
      table.insert(since, tonumber(redis.call('ZSCORE', open, batch_at(place)) or nil))
    end
    from = '[' .. shard .. ';'
  end
  return since
end

return function(keys)
  local ready, waiting, timers, open = unpack(keys)
  local now = tonumber(server_ms())
  local batches = redis.call('ZCARD', waiting) + redis.call('ZCOUNT', timers, '-inf', now)
  local since = in_line_since(waiting, open)
  local timer = redis.call('ZRANGE', timers, 0, 0, 'WITHSCORES')
  table.insert(since, tonumber(timer[2]))
  local group = group_of(ready)
  if group then
    batches = batches + math.max(0, redis.call('XLEN', ready) - group['pending'])
    local first = redis.call('XRANGE', ready, '(' .. group['last-delivered-id'], '+', 'COUNT', 1)[1]
    if first then table.insert(since, tonumber(string.match(first[1], '^%d+'))) end
  end
  local waited = 0
  for _, at in pairs(since) do waited = math.max(waited, now - at) end
  return { batches, waited }
end
