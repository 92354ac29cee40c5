-- Resets the idle time of the entries that the worker still owns. A plain XCLAIM would also take back entries that it lost.
-- KEYS: ready
-- ARGV: worker, run-queue entry...
-- Returns the entries that the worker no longer owns.
return function(keys, args)
  local ready, worker = keys[1], args[1]
  local lost = {}
  for i = 2, #args do
    if owns(ready, args[i], worker) then
      redis.call('XCLAIM', ready, GROUP, worker, 0, args[i], 'JUSTID')
    else
      lost[#lost + 1] = args[i]
    end
  end
  return lost
end
