-- The safety net: schedules open batches that nothing will wake, and mends entries of the run queue that are gone.
-- KEYS: open, timers, ready, scheduled
-- ARGV: untouched since (ms), now (ms), limit
-- Gives how many were scheduled.
return function(keys, args)
  local open, timers, ready, scheduled = unpack(keys)
  local count = 0
  for _, batch in ipairs(redis.call('ZRANGEBYSCORE', open, '-inf', args[1], 'LIMIT', 0, args[3])) do
    redis.call('ZADD', open, args[2], batch)
    local entry = redis.call('HGET', scheduled, batch)
    if entry and #redis.call('XRANGE', ready, entry, entry) == 0 then
      redis.call('HDEL', scheduled, batch)
      entry = false
    end
    if not entry and not redis.call('ZSCORE', timers, batch) then
      schedule(ready, scheduled, batch)
      count = count + 1
    end
  end
  return count
end
