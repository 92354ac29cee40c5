-- Enqueues commands in the mailboxes of a partition's batches, and schedules the batches. A repetition with the same id adds
-- nothing.
-- KEYS: ready, scheduled, lanes, waiting, archived names, and for each command: log, mark of the id, mail
-- ARGV: partner's share of the run queue, limit of waiting mail, and for each command: batch, command, its digest, how long
--       its id is kept (ms), id
-- Returns for each command 'ENQUEUED', also for a repetition; 'REUSED' if the id belongs to a command with another digest;
-- 'FULL' if too much mail is waiting; 'ASK' if only the archive may have the batch; 'NONE' if there is no such batch.

-- What a call knows of a batch. It is looked up once, because nothing but this call changes it meanwhile.
local function look_at(log, mail, limit)
  return { has_log = redis.call('EXISTS', log) == 1, room = limit - redis.call('XLEN', mail), is_scheduled = false }
end

-- The digest under which an id is marked already. Marks it, if the command is to be added.
local function marked_before(mark, digest, kept_ms, is_added)
  if is_added then return redis.call('SET', mark, digest, 'NX', 'GET', 'PX', kept_ms) end
  return redis.call('GET', mark)
end

return function(keys, args)
  local ready, scheduled, lanes, waiting, names = unpack(keys, 1, 5)
  local share, limit = args[1], tonumber(args[2])
  local boxes = {}

  local function enqueue(log, mark, mail, batch, command, digest, kept_ms, id)
    local box = boxes[batch] or look_at(log, mail, limit)
    boxes[batch] = box
    -- Before the log is looked for: a command that was handled brings no log back from the archive.
    local before = marked_before(mark, digest, kept_ms, box.has_log and box.room > 0)
    if before then return before == digest and 'ENQUEUED' or 'REUSED' end
    if not box.has_log then return may_be_archived(names, batch) and 'ASK' or 'NONE' end
    if box.room <= 0 then return 'FULL' end
    redis.call('XADD', mail, '*', 'c', command, 'i', id)
    box.room = box.room - 1
    if not box.is_scheduled then schedule(ready, scheduled, lanes, waiting, share, batch) end
    box.is_scheduled = true
    return 'ENQUEUED'
  end

  local answers = {}
  for n = 1, (#keys - 5) / 3 do
    local key, arg = 3 * n + 3, 5 * n - 2
    answers[n] = enqueue(
      keys[key], keys[key + 1], keys[key + 2],
      args[arg], args[arg + 1], args[arg + 2], args[arg + 3], args[arg + 4]
    )
  end
  return answers
end
