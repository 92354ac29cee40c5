-- Puts a command in a batch's mailbox and schedules the batch; once, however often it is told under the same id.
-- KEYS: log, told, mail, ready, scheduled, lanes, waiting
-- ARGV: batch, partner's share of the run queue, most mail that may wait, command, its digest, how long its id is kept
--       (ms), its id
-- Gives 'TOLD', also to a repetition; 'REUSED' when the id stands for another digest; 'FULL'; 'NONE' when there is no
-- such batch.
return function(keys, args)
  local log, told, mail, ready, scheduled, lanes, waiting = unpack(keys)
  local batch, share, limit, command, digest, kept_ms, id = unpack(args)
  if redis.call('EXISTS', log) == 0 then return 'NONE' end
  local before = redis.call('GET', told)
  if before then return before == digest and 'TOLD' or 'REUSED' end
  if redis.call('XLEN', mail) >= tonumber(limit) then return 'FULL' end
  redis.call('XADD', mail, '*', 'c', command, 'i', id)
  redis.call('SET', told, digest, 'PX', kept_ms)
  schedule(ready, scheduled, lanes, waiting, share, batch)
  return 'TOLD'
end
