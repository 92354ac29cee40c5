-- Removes a worker's consumer, unless entries are pending for it: deleting them would lose their batches.
-- KEYS: ready
-- ARGV: worker
-- Returns 1 if it was removed, else 0.
return function(keys, args)
  if #redis.call('XPENDING', keys[1], GROUP, '-', '+', 1, args[1]) > 0 then return 0 end
  redis.call('XGROUP', 'DELCONSUMER', keys[1], GROUP, args[1])
  return 1
end
