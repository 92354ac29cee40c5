-- Gives a batch up until its timer, unless mail is waiting and is not to be left.
-- KEYS: mail, ready, scheduled, timers
-- ARGV: batch, run-queue entry, worker, when to wake (ms) or '', '1' to leave the mail
-- Gives 'RELEASED', 'MAIL' or 'LOST'.
return function(keys, args)
  local mail, ready, scheduled, timers = unpack(keys)
  local batch, entry, worker, wake_at, leave_mail = unpack(args)
  if not owns(ready, entry, worker) then return 'LOST' end
  if leave_mail ~= '1' and redis.call('XLEN', mail) > 0 then return 'MAIL' end
  redis.call('XACK', ready, GROUP, entry)
  redis.call('XDEL', ready, entry)
  redis.call('HDEL', scheduled, batch)
  if wake_at == '' then
    redis.call('ZREM', timers, batch)
  else
    redis.call('ZADD', timers, wake_at, batch)
  end
  return 'RELEASED'
end
