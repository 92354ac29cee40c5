/**
 * Events while servers are restarted and connections cut, and while receivers misbehave in all ways. Afterwards logs, stream,
 * deliveries and receivers agree.
 */

import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"
import { afterAll, beforeAll, expect, inject, it } from "vitest"
import { eventually, PlatformUnderTest } from "../platform-under-test.ts"
import { SetBackServer } from "../safety/set-back-server.ts"
import { type EventReceiver, mannerNames, startEventReceiver } from "./event-receivers.ts"
import { NotifiedPartners, PATIENCE_MS, partnerSettings, partners } from "./notified-partners.ts"

const ENDS_WITHIN_MS = 150_000

/** A way to a server that can be cut. */
interface Way {
  readonly server: Server
  readonly url: string
  readonly cut: () => void
}

const wayTo = async (target: string): Promise<Way> => {
  const { hostname, port } = new URL(target)
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one
        .on("error", () => {})
        .on("close", () => {
          open.delete(one)
          other.destroy()
        })
      one.pipe(other)
    }
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  const url = new URL(target)
  url.host = `127.0.0.1:${address.port}`
  return {
    server,
    url: url.href,
    cut: () => {
      for (const socket of open) socket.resetAndDestroy()
    },
  }
}

let nats: SetBackServer
let postgres: SetBackServer
let redis: Way
let receiver: EventReceiver
let platform: PlatformUnderTest
let notified: NotifiedPartners

beforeAll(async () => {
  const started = [SetBackServer.start("nats"), SetBackServer.start("postgres")] as const
  ;[nats, postgres] = await Promise.all(started)
  redis = await wayTo(inject("redisUrl"))
  receiver = await startEventReceiver(PATIENCE_MS)
  platform = await PlatformUnderTest.open({
    ...partnerSettings,
    REDIS_URL: redis.url,
    NATS_URL: nats.url,
    DATABASE_URL: postgres.url,
  })
  await platform.start()
  platform.launch({ ROLES: "publisher,webhooks" })
  notified = new NotifiedPartners(platform, receiver)
  for (const partner of partners)
    for (const conduct of ["foul", "shaky"])
      await notified.addEndpoint({ partner, path: `/${conduct}/${partner}` })
  await notified.addEndpoint({ partner: "globex", path: "/shaky/ordered", ordered: true })
  const eventTypes = ["com.atlaspay.payout-batch.accepted.v1"]
  await notified.addEndpoint({ partner: "umbrella", path: "/gone/umbrella", eventTypes })
})

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]()
  await receiver?.[Symbol.asyncDispose]()
  redis?.cut()
  redis?.server.close()
  await Promise.all([nats, postgres].map((server) => server?.[Symbol.asyncDispose]()))
})

const payAll = () => Promise.all(partners.map((partner) => notified.pay(partner)))

/** Some of what was paid since has reached a receiver: the next fault comes in the middle of it. */
const someCame = async (before: number): Promise<void> =>
  eventually("something is delivered", async () => receiver.requests.length > before)

it("survives cut connections, restarts, and receivers of all kinds", { timeout: 300_000 }, async () => {
  const faults = [
    async () => redis.cut(),
    () => nats.without(async () => void (await payAll())),
    () => postgres.without(async () => redis.cut()),
    async () => redis.cut(),
    () => nats.without(async () => {}),
  ]
  for (const fault of faults) {
    const before = receiver.requests.length
    await payAll()
    await someCame(before)
    await fault()
  }
  await payAll()
  expect(await notified.violations(ENDS_WITHIN_MS)).toEqual([])
  expect([...receiver.shown].toSorted()).toEqual(mannerNames.toSorted())
  expect(receiver.requests.filter(({ endpoint }) => endpoint === "/elsewhere")).toEqual([])
})

it("publishes again what NATS forgot", { timeout: 300_000 }, async () => {
  const before = receiver.requests.length
  await payAll()
  await someCame(before)
  await nats.without(async () => void (await payAll()))
  await nats.wipe()
  notified.wasWiped = true
  await payAll()
  expect(await notified.violations(ENDS_WITHIN_MS)).toEqual([])
})
