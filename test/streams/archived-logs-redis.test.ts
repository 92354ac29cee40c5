/** Archived logs on Redis: the contract, what is in the keys, and what it costs. */

import { Layer } from "effect"
import { RedisConnections } from "../../src/platform/redis.ts"
import { layer as streamsOnRedis } from "../../src/streams/streams-redis.ts"
import { archivedLogContract } from "./archived-log-contract.ts"

archivedLogContract(
  "archived logs of the event log on Redis",
  streamsOnRedis.pipe(Layer.provide(RedisConnections.layer)),
)
