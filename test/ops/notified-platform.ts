/** The service with each role in a process of its own, two partners who are notified, and what has to hold at last. */

import { eventually, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { type EventReceiver, startEventReceiver } from "../recovery/event-receivers.ts"
import { NotifiedPartners, PATIENCE_MS, partnerSettings, partners } from "../recovery/notified-partners.ts"
import { startPatiently } from "./patient-start.ts"

const ROLES = ["worker", "bank-files", "projector", "publisher", "webhooks", "archiver"]
/** Of so many items a batch settles as a whole. */
const ITEMS = 10
const CLOSED_WITHIN_MS = 180_000
const TOLD_WITHIN_MS = 180_000

export class NotifiedPlatform implements AsyncDisposable {
  readonly notified: NotifiedPartners
  readonly #platform: PlatformUnderTest
  readonly #receiver: EventReceiver
  readonly #services: ReadonlyArray<Service>
  readonly #paid: Array<{ readonly partner: (typeof partners)[number]; readonly id: string }> = []

  private constructor(
    platform: PlatformUnderTest,
    receiver: EventReceiver,
    services: ReadonlyArray<Service>,
  ) {
    this.#platform = platform
    this.#receiver = receiver
    this.#services = services
    this.notified = new NotifiedPartners(platform, receiver)
  }

  static async open(environment: Readonly<Record<string, string>>): Promise<NotifiedPlatform> {
    await using opened = new AsyncDisposableStack()
    const receiver = opened.use(await startEventReceiver(PATIENCE_MS))
    const platform = opened.use(await PlatformUnderTest.open({ ...partnerSettings, ...environment }))
    const api = await startPatiently(platform, { ROLES: "api" })
    const others = ROLES.map((ROLES) => platform.launch({ ROLES }))
    const one = new NotifiedPlatform(platform, receiver, [api, ...others])
    for (const partner of partners) await one.notified.addEndpoint({ partner, path: `/good/${partner}` })
    await one.notified.addEndpoint({ partner: "globex", path: "/good/ordered", ordered: true })
    opened.move()
    return one
  }

  get stream(): string {
    return this.#platform.environment.NATS_STREAM ?? ""
  }

  get delivered(): number {
    return this.#receiver.requests.length
  }

  /** Each partner posts so many batches until they are accepted. */
  async pay(batches: number): Promise<void> {
    for (let number = 0; number < batches; number += 1)
      await Promise.all(
        partners.map(async (partner) => {
          this.#paid.push({ partner, id: await this.notified.pay(partner, ITEMS) })
        }),
      )
  }

  /** Waits until more was delivered than before: what comes next comes in the middle of something. */
  async moreIsDelivered(than: number): Promise<void> {
    await eventually("more is delivered", async () => this.delivered > than, CLOSED_WITHIN_MS)
  }

  /** Waits until each batch that was accepted is settled. */
  async allSettled(): Promise<void> {
    for (const { partner, id } of this.#paid)
      await eventually(
        `${id} is settled`,
        async () => (await this.notified.stateOf(partner, id)) === "settled",
        CLOSED_WITHIN_MS,
      )
  }

  /** What is wrong at last: with payments, events, webhooks or processes. */
  async faults(): Promise<ReadonlyArray<string>> {
    const books = await this.#platform.books()
    const ended = await Promise.all(
      this.#services.map(({ ended }) => Promise.race([ended, Promise.resolve("runs")])),
    )
    const payments = books.flatMap(({ transfers }) => transfers).reduce((sum, one) => sum + one.payments, 0)
    const wanted = this.#paid.length * ITEMS
    return [
      ...books.flatMap(({ paidTwice }) => (paidTwice > 0 ? [`${paidTwice} transfers were paid twice`] : [])),
      ...(payments === wanted ? [] : [`${payments} payments of ${wanted}`]),
      ...ended.flatMap((how, index) => (how === "runs" ? [] : [`process ${index} ended: ${how}`])),
      ...(await this.notified.violations(TOLD_WITHIN_MS)),
    ]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#platform[Symbol.asyncDispose]()
    await this.#receiver[Symbol.asyncDispose]()
  }
}
