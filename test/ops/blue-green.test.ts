/** Two colors behind one switch, by the steps of infra/helm/atlaspay/README.md: no request is lost, and nobody is paid twice. */
import { afterAll, beforeAll, expect, it } from "vitest"
import { API_KEY, eventually, freePort, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { startLoad } from "./constant-load.ts"
import { ServiceSwitch } from "./service-switch.ts"

const CLIENTS = 8
const STEP_ANSWERS = 60
/** Eight processes start one after the other, beside the load. */
const ALL_WITHIN_MS = 900_000
const READY_WITHIN_MS = 180_000

const batch = (key: string) => ({
  items: [
    {
      reference: key,
      amount: { currency: "EUR", value: "10.00" },
      beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: "DE89370400440532013000" } },
    },
  ],
})

let platform: PlatformUnderTest
let service: ServiceSwitch

beforeAll(async () => {
  service = await ServiceSwitch.open()
  platform = await PlatformUnderTest.open({
    CLAIM_MS: "600000",
    READINESS_NOTICE_MS: "1500",
    PUBLIC_URL: service.url,
  })
})
afterAll(async () => {
  await service?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
})

const color = async (roles: string, more: Readonly<Record<string, string>> = {}): Promise<Service> =>
  platform.launch({ ROLES: roles, PORT: String(await freePort()), ...more })

const isReady = async ({ operationsUrl }: Service): Promise<boolean> =>
  (await fetch(`${operationsUrl}/readyz`)).status === 200

/** As a person tries a color before anybody depends on it: a dry run stores nothing. */
const tries = async ({ url }: Service): Promise<ReadonlyArray<number>> => [
  (await fetch(`${url}/healthz`)).status,
  (
    await fetch(`${url}/payout-batches?dryRun=true`, {
      method: "POST",
      headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" },
      body: JSON.stringify(batch("dry")),
    })
  ).status,
]

it("switches to the other color and back under load, and never to one that is not ready", {
  timeout: ALL_WITHIN_MS,
}, async () => {
  const blue = await color("api")
  const blueWorks = await color("worker,projector")
  await service.select(blue)
  await eventually("blue is ready", async () => service.ready === 1, READY_WITHIN_MS)
  const load = startLoad(service.url, { apiKey: API_KEY, clients: CLIENTS, pauseMs: 20, batch })
  const goesOn = async () => {
    const before = load.answered()
    await eventually(
      "requests are answered",
      async () => load.answered() - before > STEP_ANSWERS,
      READY_WITHIN_MS,
    )
  }
  await goesOn()

  // 1. prepare, 2. try, 3. work together.
  const green = await color("api")
  await eventually("green is ready", () => isReady(green), READY_WITHIN_MS)
  expect(await tries(green)).toEqual([200, 200])
  const greenWorks = await color("worker,projector")
  await goesOn()
  // 4. switch. Connections that clients keep stay with blue; 6. let go: now they are told to go elsewhere.
  await service.select(green)
  await goesOn()
  blue.signal("SIGTERM")
  blueWorks.signal("SIGTERM")
  expect([await blue.ended, await blueWorks.ended]).toEqual([0, 0])
  await goesOn()

  // The way back, as after step 6.
  const again = await color("api")
  const worksAgain = await color("worker,projector")
  await eventually("blue is ready again", () => isReady(again), READY_WITHIN_MS)
  await service.select(again)
  await goesOn()
  green.signal("SIGTERM")
  greenWorks.signal("SIGTERM")
  expect([await green.ended, await greenWorks.ended]).toEqual([0, 0])
  await goesOn()

  // A color that cannot work says so, and the Service leads nowhere else meanwhile.
  const failed = await color("api", { REDIS_URL: "redis://127.0.0.1:9" })
  const ended = failed.ended.then(() => true)
  await service.select(again, failed)
  await goesOn()
  expect(service.ready).toBe(1)
  failed.signal("SIGTERM")
  expect(await ended).toBe(true)

  // A rollout without colors: one more, and one less, behind one selection.
  const next = await color("api")
  await service.select(again, next)
  await eventually("both are ready", async () => service.ready === 2, READY_WITHIN_MS)
  await goesOn()
  again.signal("SIGTERM")
  expect(await again.ended).toBe(0)
  expect(service.ready).toBe(1)
  await goesOn()

  await load.stop()
  expect(load.failures).toEqual([])
  expect(load.accepted.length).toBeGreaterThan(3 * STEP_ANSWERS)
  await platform.through(next, async () => {
    for (const { id } of load.accepted) expect((await platform.closed(id)).state).toBe("settled")
  })
  const paid = (await platform.books()).flatMap(({ transfers }) => transfers)
  expect(paid).toHaveLength(load.accepted.length)
  expect(paid.filter(({ payments }) => payments !== 1)).toEqual([])
  console.log(
    `${load.answered()} requests were answered, ${load.failures.length} lost; ${paid.length} payouts`,
  )
  worksAgain.signal("SIGTERM")
  expect(await worksAgain.ended).toBe(0)
})
