-- The safety net: schedules open batches that nothing else would wake, and repairs inconsistencies in the run queue and the
-- waiting lines. This work is bounded: a queue that is too long is not counted, a line that is too long is not searched to
-- its end.
-- KEYS: open, timers, ready, scheduled, lanes, waiting
-- ARGV: partner's share of the run queue, untouched since (ms), now (ms), limit
-- Returns how many batches were scheduled.
local LOOKED_AT_MAX = 1000

-- Counts the batches of each partner shard in the run queue, and corrects the counters. Returns the entry of each batch, or
-- nothing if the queue is too long.
local function recount(ready, lanes)
  if redis.call('XLEN', ready) > LOOKED_AT_MAX or redis.call('HLEN', lanes) > LOOKED_AT_MAX then return end
  local queued, entries = {}, {}
  for _, entry in ipairs(redis.call('XRANGE', ready, '-', '+')) do
    local batch = entry[2][2]
    local shard = partner_shard_of(batch)
    entries[batch] = entry[1]
    queued[shard] = (queued[shard] or 0) + 1
  end
  for _, shard in ipairs(redis.call('HKEYS', lanes)) do
    if shard ~= '' and not queued[shard] then redis.call('HDEL', lanes, shard) end
  end
  for shard, batches in pairs(queued) do redis.call('HSET', lanes, shard, batches) end
  return entries
end

-- Returns the batches in the first `places` places of a partner shard's line, and how many places were read. Removes a place
-- if its batch is not marked as waiting, or has an earlier place.
local function standing_in(waiting, scheduled, shard, places)
  local standing = {}
  local line = line_of(waiting, shard, places)
  for _, place in ipairs(line) do
    local batch = batch_at(place)
    if standing[batch] or redis.call('HGET', scheduled, batch) ~= WAITING then
      redis.call('ZREM', waiting, place)
    else
      standing[batch] = true
    end
  end
  return standing, #line
end

return function(keys, args)
  local open, timers, ready, scheduled, lanes, waiting = unpack(keys)
  local share, scheduled_now, places_left, lines = args[1], 0, LOOKED_AT_MAX, {}
  local entries = recount(ready, lanes)
  for _, batch in ipairs(redis.call('ZRANGEBYSCORE', open, '-inf', args[2], 'LIMIT', 0, args[4])) do
    redis.call('ZADD', open, args[3], batch)
    local shard = partner_shard_of(batch)
    if not lines[shard] and places_left > 0 then
      local standing, places = standing_in(waiting, scheduled, shard, places_left)
      places_left = places_left - places
      -- Only a line that was read to its end shows which batches are missing in it.
      if places_left > 0 then lines[shard] = standing end
      admit(ready, scheduled, lanes, waiting, share, shard)
    end
    local entry = redis.call('HGET', scheduled, batch)
    local has_waited = entry == WAITING
    local is_lost = entry and entry ~= WAITING and is_over(ready, entry)
    if is_lost and not entries then count(lanes, shard, -1) end
    if is_lost or (entry == WAITING and lines[shard] and not lines[shard][batch]) then
      redis.call('HDEL', scheduled, batch)
      entry = false
    end
    -- The batch is in the run queue, but its mark is lost. Scheduling it again would give it two owners.
    if not entry and entries and entries[batch] then
      entry = entries[batch]
      redis.call('HSET', scheduled, batch, entry)
    end
    if not entry and not redis.call('ZSCORE', timers, batch) then
      -- Of a place that was lost nobody knows whether it was that of a new batch. So it is the last one.
      schedule(ready, scheduled, lanes, waiting, share, batch, has_waited)
      scheduled_now = scheduled_now + 1
    end
  end
  return scheduled_now
end
