-- Puts a command in a batch's mailbox and schedules the batch.
-- KEYS: log, mail, ready, scheduled
-- ARGV: batch, most mail that may wait, command
-- Gives 'TOLD', 'FULL', or 'NONE' when there is no such batch.
return function(keys, args)
  local log, mail, ready, scheduled = unpack(keys)
  if redis.call('EXISTS', log) == 0 then return 'NONE' end
  if redis.call('XLEN', mail) >= tonumber(args[2]) then return 'FULL' end
  redis.call('XADD', mail, '*', 'c', args[3])
  schedule(ready, scheduled, args[1])
  return 'TOLD'
end
