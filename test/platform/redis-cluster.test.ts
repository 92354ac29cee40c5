/** The shortest story of a real Redis Cluster; `npm run test:cluster` tells the longer ones. */
import { Effect } from "effect"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { partitionKeys } from "../../src/streams/partition.ts"
import { RedisCluster } from "../cluster/redis-cluster.ts"
import { type Connections, connectTo } from "../redis-connections.ts"
import { ownPrefix } from "../settings.ts"

const PARTITIONS = 16

/** Adds an entry under the id that it is given, once: as idempotent as the functions of the event log are. */
const library = `#!lua name=story
redis.register_function('story_add', function(keys, args)
  if #redis.call('XRANGE', keys[1], args[1], args[1]) == 0 then
    redis.call('XADD', keys[1], args[1], 'text', args[1])
  end
  return redis.call('XLEN', keys[1])
end)`

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await RedisCluster.open()
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

let streams: ReadonlyArray<string>
beforeEach(() => {
  const prefix = ownPrefix()
  streams = Array.from({ length: PARTITIONS }, (_, partition) => partitionKeys(prefix, partition).ready)
})

const connect = () => connectTo({ REDIS_URL: cluster.url })

const loadOn = ({ onEachPrimary }: Connections) =>
  Effect.runPromise(onEachPrimary((primary) => primary.function("LOAD", "REPLACE", library)))

const addTo = ({ commands }: Connections, stream: string, id: number) =>
  commands.fcall("story_add", 1, stream, `${id}-0`)

describe("the functions of a cluster", () => {
  it("are loaded on each primary and run on the keys of every partition", async () => {
    await using connections = await connect()
    expect((await loadOn(connections)).length).toBe(3)
    const lengths = await Promise.all(streams.map((stream) => addTo(connections, stream, 1)))
    expect(lengths).toEqual(streams.map(() => 1))
  })

  it("answer every call that was made while a primary was killed and replaced", async () => {
    await using connections = await connect()
    await loadOn(connections)
    const [first = ""] = streams
    await addTo(connections, first, 1)
    await (await cluster.primaryOf(first)).kill()
    const outcomes = await Promise.allSettled(
      streams.map(async (stream) => {
        for (const id of [2, 3, 4]) await addTo(connections, stream, id)
      }),
    )
    expect(outcomes.filter(({ status }) => status === "rejected")).toEqual([])
    const lengths = await Promise.all(streams.map((stream) => connections.commands.xlen(stream)))
    expect(lengths).toEqual(streams.map((stream) => (stream === first ? 4 : 3)))
  })
})
