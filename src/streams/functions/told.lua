-- Whether the mail that `tell` put in a mailbox is there. It may have been handled and deleted since, and only the primary
-- that put it there knows that it did.
-- KEYS: mail
-- ARGV: mail id, replication id of the primary
-- Gives 1 or 0.
return function(keys, args)
  if lineage() == args[2] then return 1 end
  return #redis.call('XRANGE', keys[1], args[1], args[1])
end
