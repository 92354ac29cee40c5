-- Schedules batches whose timer is due.
-- KEYS: timers, ready, scheduled, lanes, waiting
-- ARGV: partner's share of the run queue, now (ms), limit
-- Returns how many were scheduled.
return function(keys, args)
  local timers, ready, scheduled, lanes, waiting = unpack(keys)
  local due = redis.call('ZRANGEBYSCORE', timers, '-inf', args[2], 'LIMIT', 0, args[3])
  for _, batch in ipairs(due) do
    redis.call('ZREM', timers, batch)
    schedule(ready, scheduled, lanes, waiting, args[1], batch)
  end
  return #due
end
