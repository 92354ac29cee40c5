-- Removes a worker's consumer, unless entries are pending for it: deleting those would lose batches.
-- KEYS: ready
-- ARGV: worker
-- Gives 1 when it was removed.
return function(keys, args)
  if #redis.call('XPENDING', keys[1], GROUP, '-', '+', 1, args[1]) > 0 then return 0 end
  redis.call('XGROUP', 'DELCONSUMER', keys[1], GROUP, args[1])
  return 1
end
