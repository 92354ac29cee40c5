-- Counts the commands that wait in mailboxes. It only reads.
-- KEYS: mail of each batch; without a cluster they may be of several partitions
-- ARGV: none
-- Returns the number of commands in each mailbox.
return function(keys)
  local counts = {}
  for n, mail in ipairs(keys) do counts[n] = redis.call('XLEN', mail) end
  return counts
end
