-- Puts an owned batch back at the end of the run queue, for any worker to take at once. It keeps its place in its
-- partner shard.
-- KEYS: ready, scheduled
-- ARGV: batch, run-queue entry, worker
-- Gives 'HANDED', also to a retry, or 'LOST'.
return function(keys, args)
  local ready, scheduled = unpack(keys)
  local batch, entry, worker = unpack(args)
  if not owns(ready, entry, worker) then return is_over(ready, entry) and 'HANDED' or 'LOST' end
  redis.call('XACK', ready, GROUP, entry)
  redis.call('XDEL', ready, entry)
  enqueue(ready, scheduled, batch)
  return 'HANDED'
end
