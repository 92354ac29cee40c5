-- Puts a command in a batch's mailbox and schedules the batch.
-- KEYS: log, mail, ready, scheduled, lanes, waiting
-- ARGV: batch, partner's share of the run queue, most mail that may wait, command
-- Gives {'TOLD', mail id, replication id of this primary}, {'FULL'}, or {'NONE'} when there is no such batch.
return function(keys, args)
  local log, mail, ready, scheduled, lanes, waiting = unpack(keys)
  local batch, share, limit, command = unpack(args)
  if redis.call('EXISTS', log) == 0 then return { 'NONE' } end
  if redis.call('XLEN', mail) >= tonumber(limit) then return { 'FULL' } end
  local id = redis.call('XADD', mail, '*', 'c', command)
  schedule(ready, scheduled, lanes, waiting, share, batch)
  return { 'TOLD', id, lineage() }
end
