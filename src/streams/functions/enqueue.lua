-- Enqueues a command in a batch's mailbox and schedules the batch. A repetition with the same id adds nothing.
-- KEYS: log, mark of the id, mail, ready, scheduled, lanes, waiting
-- ARGV: batch, partner's share of the run queue, limit of waiting mail, command, its digest, how long its id is kept (ms), id
-- Returns 'ENQUEUED', also for a repetition; 'REUSED' if the id belongs to a command with another digest; 'FULL' if too much
-- mail is waiting; 'NONE' if there is no such batch.
return function(keys, args)
  local log, mark, mail, ready, scheduled, lanes, waiting = unpack(keys)
  local batch, share, limit, command, digest, kept_ms, id = unpack(args)
  if redis.call('EXISTS', log) == 0 then return 'NONE' end
  local before = redis.call('GET', mark)
  if before then return before == digest and 'ENQUEUED' or 'REUSED' end
  if redis.call('XLEN', mail) >= tonumber(limit) then return 'FULL' end
  redis.call('XADD', mail, '*', 'c', command, 'i', id)
  redis.call('SET', mark, digest, 'PX', kept_ms)
  schedule(ready, scheduled, lanes, waiting, share, batch)
  return 'ENQUEUED'
end
