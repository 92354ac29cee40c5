-- Enqueues commands in the mailboxes of a partition's batches, and schedules the batches. A repetition with the same id adds
-- nothing.
-- KEYS: ready, scheduled, lanes, waiting, archived names, and for each command: log, mark of the id, mail
-- ARGV: partner's share of the run queue, limit of waiting mail, and for each command: batch, command, its digest, how long
--       its id is kept (ms), id
-- Returns for each command 'ENQUEUED', also for a repetition; 'REUSED' if the id belongs to a command with another digest;
-- 'FULL' if too much mail is waiting; 'ASK' if only the archive may have the batch; 'NONE' if there is no such batch.
local function enqueue(queue, names, share, limit, keys, args)
  local log, mark, mail = unpack(keys)
  local batch, command, digest, kept_ms, id = unpack(args)
  -- Before the log is looked for: a command that was handled brings no log back from the archive.
  local before = redis.call('GET', mark)
  if before then return before == digest and 'ENQUEUED' or 'REUSED' end
  if redis.call('EXISTS', log) == 0 then return may_be_archived(names, batch) and 'ASK' or 'NONE' end
  if redis.call('XLEN', mail) >= limit then return 'FULL' end
  redis.call('XADD', mail, '*', 'c', command, 'i', id)
  redis.call('SET', mark, digest, 'PX', kept_ms)
  local ready, scheduled, lanes, waiting = unpack(queue)
  schedule(ready, scheduled, lanes, waiting, share, batch)
  return 'ENQUEUED'
end

return function(keys, args)
  local queue = { unpack(keys, 1, 4) }
  local share, limit = args[1], tonumber(args[2])
  local answers = {}
  for n = 1, (#keys - 5) / 3 do
    local own_keys = { unpack(keys, 3 * n + 3, 3 * n + 5) }
    local own_args = { unpack(args, 5 * n - 2, 5 * n + 2) }
    answers[n] = enqueue(queue, keys[5], share, limit, own_keys, own_args)
  end
  return answers
end
