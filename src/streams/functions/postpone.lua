-- Puts a batch that has not begun, and that its owner has no room for, back into its partner's line, before all that are new.
-- Admits those of the partner that have begun.
-- KEYS: ready, scheduled, lanes, waiting
-- ARGV: batch, partner's share of the run queue, run-queue entry, worker
-- Returns 'POSTPONED', also for a retry, or 'LOST' if the caller does not own the batch.
return function(keys, args)
  local ready, scheduled, lanes, waiting = unpack(keys)
  local batch, share, entry, worker = unpack(args)
  if not owns(ready, entry, worker) then return is_over(ready, entry) and 'POSTPONED' or 'LOST' end
  local shard = partner_shard_of(batch)
  leave_queue(ready, lanes, shard, entry)
  stand_in_line(scheduled, lanes, waiting, shard, batch, POSTPONED)
  admit(ready, scheduled, lanes, waiting, share, shard, BEGUN)
  return 'POSTPONED'
end
