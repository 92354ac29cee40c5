-- Releases a batch until its timer is due, unless mail is waiting. A frozen batch is released with its mail.
-- KEYS: mail, ready, scheduled, lanes, waiting, timers
-- ARGV: batch, partner's share of the run queue, run-queue entry, worker, when to wake (ms) or '', '1' to leave the mail,
--       '-' to admit no new batch of the partner or ''
-- Returns 'RELEASED', also for a retry; 'MAIL' if mail is waiting; 'LOST' if the caller does not own the batch.
return function(keys, args)
  local mail, ready, scheduled, lanes, waiting, timers = unpack(keys)
  local batch, share, entry, worker, wake_at, leave_mail, which = unpack(args)
  if not owns(ready, entry, worker) then return is_over(ready, entry) and 'RELEASED' or 'LOST' end
  if leave_mail ~= '1' and redis.call('XLEN', mail) > 0 then return 'MAIL' end
  release_until(ready, scheduled, lanes, waiting, timers, share, batch, entry, wake_at, which)
  return 'RELEASED'
end
