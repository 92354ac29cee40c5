/** A JetStream cluster of three loses servers while batches are paid: events are neither lost nor out of order, and payments do not wait. */
import { expect, it } from "vitest"
import { NatsServers } from "./nats-servers.ts"
import { NotifiedPlatform } from "./notified-platform.ts"

const BATCHES = 4

it("events survive the loss of a leader, of another server, and of the majority", {
  timeout: 900_000,
}, async ({ annotate }) => {
  await using nats = await NatsServers.open(3)
  await using platform = await NotifiedPlatform.open({ NATS_URL: nats.url, NATS_STREAM_REPLICAS: "3" })
  const { stream } = platform
  const paid = async (what: string, since: number) => {
    await platform.allSettled()
    await annotate(`${what}: all is paid after ${Date.now() - since} ms`)
  }

  for (const what of ["the leader is killed", "the next leader is killed"]) {
    const before = platform.delivered
    const paying = platform.pay(BATCHES)
    await platform.moreIsDelivered(before + 5)
    const since = Date.now()
    const leader = await nats.leaderOf(stream)
    await leader.kill()
    await paying
    await platform.pay(BATCHES)
    await paid(what, since)
    await leader.start()
    await nats.caughtUp(stream)
    expect(await platform.faults()).toEqual([])
  }

  const since = Date.now()
  const two = nats.servers.slice(0, 2)
  const paying = platform.pay(BATCHES)
  await Promise.all(two.map((server) => server.kill()))
  await paying
  await paid("two servers are away", since)
  await Promise.all(two.map((server) => server.start()))
  await nats.caughtUp(stream)
  await annotate(`all servers are back after ${Date.now() - since} ms`)
  expect(await platform.faults()).toEqual([])
})
