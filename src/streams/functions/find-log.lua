-- Says where the log of a batch is. It only reads.
-- KEYS: log, archived names
-- ARGV: batch
-- Returns {'HERE', version}; {'ASK'} if the archive may have it; or {'NONE'}.
return function(keys, args)
  local log, names = unpack(keys)
  local version = tail(log).version
  if version > 0 then return { 'HERE', version } end
  return { may_be_archived(names, args[1]) and 'ASK' or 'NONE' }
end
