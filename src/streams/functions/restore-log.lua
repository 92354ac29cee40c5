-- Makes what was staged from the archive the log of its batch again, unless it has a log.
-- KEYS: staged, log, archived, archived names, restored
-- ARGV: batch, version and hash of the archived tail
-- Returns 'RESTORED'; 'THERE' if there is a log, also for a retry; or 'UNSTAGED' if what is staged is not the whole log.
return function(keys, args)
  local staged, log, archived, names, restored = unpack(keys)
  local batch, version, head = args[1], tonumber(args[2]), args[3]
  local last = tail(staged)
  local is_there = tail(log).version > 0
  if is_there or last.version ~= version or last.head ~= head then
    redis.call('UNLINK', staged)
    return is_there and 'THERE' or 'UNSTAGED'
  end
  redis.call('RENAME', staged, log)
  redis.call('PERSIST', log)
  -- A log that was lost, and not unlinked, is not among the unlinked ones.
  if may_be_archived(names, batch) then redis.call('HINCRBY', archived, 'unlinked', -1) end
  redis.call('ZADD', restored, server_ms(), batch)
  return 'RESTORED'
end
