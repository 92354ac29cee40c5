-- Takes a log that is archived out of Redis, if nothing is left to do. From then on its name may be archived.
-- KEYS: log, mail, open, timers, scheduled, archived, archived names, restored
-- ARGV: batch, version and hash of the archived tail
-- Returns 'UNLINKED', also for a retry, and if there is no log; 'MOVED' if the log has another tail; 'BUSY' if the batch has
-- mail, work or a timer, or is in the run queue.
return function(keys, args)
  local log, mail, open, timers, scheduled, archived, names, restored = unpack(keys)
  local batch, version, head = args[1], tonumber(args[2]), args[3]
  local last = tail(log)
  if last.version == 0 and may_be_archived(names, batch) then return 'UNLINKED' end
  if last.version > 0 then
    if last.version ~= version or last.head ~= head then return 'MOVED' end
    local has_work = redis.call('ZSCORE', open, batch) or redis.call('ZSCORE', timers, batch)
    if has_work or redis.call('HEXISTS', scheduled, batch) == 1 or redis.call('XLEN', mail) > 0 then return 'BUSY' end
  end
  mark_archived(names, batch)
  redis.call('HINCRBY', archived, 'unlinks', 1)
  redis.call('HINCRBY', archived, 'unlinked', 1)
  redis.call('ZREM', restored, batch)
  redis.call('UNLINK', log, mail)
  return 'UNLINKED'
end
