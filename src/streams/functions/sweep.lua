-- The safety net: schedules open batches that nothing will wake, and mends entries of the run queue that are gone.
-- KEYS: open, timers, ready, scheduled, lanes, waiting
-- ARGV: partner's share of the run queue, untouched since (ms), now (ms), limit
-- Gives how many were scheduled.
return function(keys, args)
  local open, timers, ready, scheduled, lanes, waiting = unpack(keys)
  local scheduled_now = 0
  for _, batch in ipairs(redis.call('ZRANGEBYSCORE', open, '-inf', args[2], 'LIMIT', 0, args[4])) do
    redis.call('ZADD', open, args[3], batch)
    local entry = redis.call('HGET', scheduled, batch)
    if entry and entry ~= WAITING and #redis.call('XRANGE', ready, entry, entry) == 0 then
      redis.call('HDEL', scheduled, batch)
      count(lanes, lane_of(batch), -1)
      entry = false
    end
    if not entry and not redis.call('ZSCORE', timers, batch) then
      schedule(ready, scheduled, lanes, waiting, args[1], batch)
      scheduled_now = scheduled_now + 1
    end
  end
  return scheduled_now
end
