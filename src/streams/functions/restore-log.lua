-- Makes what was staged from the archive the log of its batch again, if the batch has no log, or only the beginning of this one: a
-- Redis that came back older may have that.
-- KEYS: staged, log, archived, archived names, restored
-- ARGV: batch, version and hash of the archived tail
-- Returns 'RESTORED'; 'THERE' if there is a log that is as long, or another one, also for a retry; or 'UNSTAGED' if what is staged
-- is not the whole log.
return function(keys, args)
  local staged, log, archived, names, restored = unpack(keys)
  local batch, version, head = args[1], tonumber(args[2]), args[3]
  local last, here = tail(staged), tail(log)
  local is_beginning = here.version < version and entry_at(staged, here.version).head == here.head
  local is_there = here.version > 0 and not is_beginning
  if is_there or last.version ~= version or last.head ~= head then
    redis.call('UNLINK', staged)
    return is_there and 'THERE' or 'UNSTAGED'
  end
  redis.call('RENAME', staged, log)
  redis.call('PERSIST', log)
  -- A log that was lost, and not unlinked, is not among the unlinked ones.
  if here.version == 0 and may_be_archived(names, batch) then redis.call('HINCRBY', archived, 'unlinked', -1) end
  redis.call('ZADD', restored, server_ms(), batch)
  return 'RESTORED'
end
