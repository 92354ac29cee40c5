/** The streams on Redis with an archive that has nothing: for tests in which no log leaves Redis. */
import { Layer } from "effect"
import { layer as streamsOnRedis } from "../../src/streams/streams-redis.ts"
import { emptyArchive } from "./memory-archive.ts"

export const layer = streamsOnRedis.pipe(Layer.provide(emptyArchive))
