-- Schedules batches whose timer is due.
-- KEYS: timers, ready, scheduled
-- ARGV: now (ms), limit
-- Gives how many were woken.
return function(keys, args)
  local timers, ready, scheduled = unpack(keys)
  local due = redis.call('ZRANGEBYSCORE', timers, '-inf', args[1], 'LIMIT', 0, args[2])
  for _, batch in ipairs(due) do
    redis.call('ZREM', timers, batch)
    schedule(ready, scheduled, batch)
  end
  return #due
end
