-- Moves an owned batch to the end of the run queue, where any worker can take it at once. It keeps its place in the count of
-- its partner shard.
-- KEYS: ready, scheduled
-- ARGV: batch, run-queue entry, worker
-- Returns 'HANDED', also for a retry, or 'LOST' if the caller does not own the batch.
return function(keys, args)
  local ready, scheduled = unpack(keys)
  local batch, entry, worker = unpack(args)
  if not owns(ready, entry, worker) then return is_over(ready, entry) and 'HANDED' or 'LOST' end
  redis.call('XACK', ready, GROUP, entry)
  redis.call('XDEL', ready, entry)
  add_to_run_queue(ready, scheduled, batch)
  return 'HANDED'
end
