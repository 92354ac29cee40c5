-- Resets the idle time of the entries that the worker still owns. A plain claim would take a lost one back.
-- KEYS: ready
-- ARGV: worker, run-queue entry...
-- Gives the entries that are lost.
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
