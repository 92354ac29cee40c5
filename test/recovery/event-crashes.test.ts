/**
 * Whoever publishes and delivers events is killed at the points between two steps, one process after the other, each in the middle of
 * what the one before left. Afterwards every event is published in order, and every partner got its own.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { eventCrashPoints } from "../../src/crash-points.ts"
import type { CrashPoint } from "../../src/platform/crash-point.ts"
import { lengthOf } from "../length.ts"
import { eventually, PlatformUnderTest } from "../platform-under-test.ts"
import { type EventReceiver, startEventReceiver } from "./event-receivers.ts"
import { NotifiedPartners, PATIENCE_MS, partnerSettings, partners } from "./notified-partners.ts"

/**
 * All points in a long run. The short form has those behind which most is left half done: something is published, stored, claimed or
 * answered, and nobody has noted it.
 */
const points = lengthOf<ReadonlyArray<CrashPoint>>({
  full: eventCrashPoints,
  short: [
    "within-publish",
    "after-publish",
    "after-deliveries",
    "after-claim",
    "before-arrival",
    "before-failure",
  ],
})

const NOTIFYING = { ROLES: "publisher,webhooks" }
/** Payouts of a batch that is published late: more events than are published at a time. */
const MANY = 700
/** Events a second to an endpoint with a limit: it gets them all in time, and rarely all that are due at once. */
const LIMIT = 25
/** On a machine that is busy with other things it took more than a minute to pay them. */
const PAID_WITHIN_MS = 180_000
const DIES_WITHIN_MS = 90_000
const ENDS_WITHIN_MS = 120_000

let platform: PlatformUnderTest
let receiver: EventReceiver
let notified: NotifiedPartners

beforeAll(async () => {
  receiver = await startEventReceiver(PATIENCE_MS)
  platform = await PlatformUnderTest.open(partnerSettings)
  await platform.start({ ROLES: "api,worker,projector" })
  notified = new NotifiedPartners(platform, receiver)
  await notified.addEndpoint({ partner: "umbrella", path: "/shaky/umbrella" })
  await notified.addEndpoint({ partner: "umbrella", path: "/good/umbrella" })
  await notified.addEndpoint({
    partner: "umbrella",
    path: "/shaky/ordered",
    ordered: true,
    has: "new secret",
  })
  await notified.addEndpoint({
    partner: "umbrella",
    path: "/good/limited",
    rateLimit: LIMIT,
    has: "previous secret",
  })
  const eventTypes = ["com.atlaspay.payout-batch.accepted.v1"]
  await notified.addEndpoint({ partner: "umbrella", path: "/silent/umbrella", eventTypes })
  await notified.addEndpoint({
    partner: "globex",
    path: "/shaky/globex",
    eventTypes: ["com.atlaspay.payout-batch.accepted.v1", "com.atlaspay.payout-batch.closed.v1"],
  })
})

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]()
  await receiver?.[Symbol.asyncDispose]()
})

describe("a kill of who notifies", { timeout: PAID_WITHIN_MS + DIES_WITHIN_MS + 30_000 }, () => {
  it.each(points)("%s", async (point) => {
    if (point === "within-publish") {
      const id = await notified.pay("globex", MANY)
      const isPaid = async () => (await notified.stateOf("globex", id)) === "settled"
      await eventually("the batch is paid", isPaid, PAID_WITHIN_MS)
    }
    const doomed = platform.launch({ ...NOTIFYING, CRASH_AT: `${point}:1` })
    for (const partner of partners) await notified.pay(partner)
    const end = await Promise.race([doomed.ended, sleep(DIES_WITHIN_MS, "alive", { ref: false })])
    await doomed.stop()
    expect(end, doomed.lines.slice(-5).join("\n")).toBe("SIGKILL")
  })

  it("in the middle of attempts", async () => {
    const before = receiver.requests.length
    const doomed = platform.launch(NOTIFYING)
    await notified.pay("umbrella")
    await eventually("an endpoint does not answer", async () =>
      receiver.requests.slice(before).some(({ endpoint }) => endpoint === "/silent/umbrella"),
    )
    doomed.signal("SIGKILL")
    expect(await doomed.ended).toBe("SIGKILL")
  })
})

it("leaves nothing out, and nothing that is not there", { timeout: ENDS_WITHIN_MS + 30_000 }, async () => {
  platform.launch(NOTIFYING)
  expect(await notified.violations(ENDS_WITHIN_MS)).toEqual([])
  const { messages, deliveries } = await notified.evidence()
  expect(messages.length).toBeGreaterThan(MANY)
  expect(new Set(deliveries.map(({ state }) => state))).toEqual(new Set(["delivered", "dead"]))
})
