-- Logs a file of orders before it is released to a bank, if the caller has read the whole log of that bank's files. A message
-- id belongs to one file, and an order is in at most one. A withdrawn order has the message id '' and is in none.
-- KEYS: log, orders, files
-- ARGV: expected version, hash of the log up to it, message id, file as JSON, its hash, reference...
-- Returns {'LOGGED', version}; {'MOVED', version} if the log has another tail; {'FILED', message id} if the file or an order
-- of it is logged already under that message id; or {'WITHDRAWN', reference...} with the withdrawn orders of the file.
return function(keys, args)
  local log, orders, files = unpack(keys)
  local expected, head, message, file, hash = tonumber(args[1]), args[2], args[3], args[4], args[5]

  local last = tail(log)
  if last.version ~= expected or (last.head or head) ~= head then
    -- A retry of a call that succeeded.
    if last.version == expected + 1 and last.head == hash then return { 'LOGGED', last.version } end
    return { 'MOVED', last.version }
  end
  if redis.call('HEXISTS', files, message) == 1 then return { 'FILED', message } end
  local withdrawn = { 'WITHDRAWN' }
  for i = 6, #args do
    local filed = redis.call('HGET', orders, args[i])
    if filed == '' then
      withdrawn[#withdrawn + 1] = args[i]
    elseif filed then
      return { 'FILED', filed }
    end
  end
  if #withdrawn > 1 then return withdrawn end

  redis.call('XADD', log, (expected + 1) .. '-0', 'e', file, 'h', hash)
  redis.call('HSET', files, message, expected + 1)
  for i = 6, #args do redis.call('HSET', orders, args[i], message) end
  return { 'LOGGED', expected + 1 }
end
