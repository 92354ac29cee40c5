/** Two partners who pay and are notified: their keys, their endpoints, and what became of every event. */
import { setTimeout as sleep } from "node:timers/promises"
import { readDeliveries, readStream } from "../checker/notification-evidence.ts"
import {
  type KnownEndpoint,
  type NotificationEvidence,
  notificationViolations,
  type StoredDelivery,
} from "../checker/notifications.ts"
import { readRedis } from "../checker/redis-snapshot.ts"
import { eventually, type PlatformUnderTest } from "../platform-under-test.ts"
import type { EventReceiver } from "./event-receivers.ts"

/** No name is part of the other, or of an id. */
export const partners = ["umbrella", "globex"] as const
export type PartnerName = (typeof partners)[number]
const keyOf = (partner: string) => `${partner}-key`

/** How long an endpoint may take, and the waits after failures: short, and enough of them for three failures of ten. */
export const PATIENCE_MS = 1_500
const RETRY_DELAYS_MS = [300, 300, 500, 500, 1_000, 1_000, 2_000, 2_000]

export const partnerSettings = {
  API_KEYS: partners.map((partner) => `${partner}=${keyOf(partner)}`).join(","),
  WEBHOOK_TIMEOUT_MS: String(PATIENCE_MS),
  WEBHOOK_RETRY_DELAYS_MS: RETRY_DELAYS_MS.join(","),
}

/** Payouts that settle, fail at once and later, return, are rejected and held, and one whose bank never answers. */
const names = [
  "Ada Lovelace",
  "Ivo Insufficient",
  "Clara Closed",
  "Sam Sanctioned",
  "Rita Review",
  "Ralf Returned",
  "Tim Timeout",
  "Dora Duplicate",
]

const batchOf = (partner: string, count: number) => ({
  items: Array.from({ length: count }, (_, index) => ({
    reference: `of-${partner}-${index + 1}`,
    amount: {
      currency: index % 3 === 2 ? "JPY" : "EUR",
      value: index % 3 === 2 ? "1200" : `${index + 1}.05`,
    },
    beneficiary: {
      name: count > names.length ? "Ada Lovelace" : (names[index] ?? ""),
      account: { scheme: "iban", iban: "DE89370400440532013000" },
    },
  })),
})

interface Added {
  readonly partner: PartnerName
  readonly path: string
  readonly eventTypes?: ReadonlyArray<string>
  readonly ordered?: boolean
  readonly rateLimit?: number
  /** The secret is being replaced: which one the receiver has. */
  readonly has?: "previous secret" | "new secret"
}

export class NotifiedPartners {
  /** Whether the stream was wiped: what it had is published again behind what came since. */
  wasWiped = false
  readonly endpoints: Array<KnownEndpoint & { readonly path: string }> = []
  readonly #platform: PlatformUnderTest
  readonly #receiver: EventReceiver
  #batches = 0

  constructor(platform: PlatformUnderTest, receiver: EventReceiver) {
    this.#platform = platform
    this.#receiver = receiver
  }

  async addEndpoint({ partner, path, has, ...terms }: Added): Promise<void> {
    const url = `${this.#receiver.url}${path}`
    const answer = await this.#post(partner, "/webhook-endpoints", { url, ...terms })
    if (answer.status !== 201) throw new Error(`an endpoint was answered ${answer.status}`)
    const { id, secret } = (await answer.json()) as { readonly id: string; readonly secret: string }
    const next = has === undefined ? secret : await this.#rotate(partner, id)
    const isGone = path.startsWith("/gone/")
    const { eventTypes, ordered: isOrdered = false } = terms
    this.endpoints.push({
      id,
      secret: has === "new secret" ? next : secret,
      partner,
      path,
      isGone,
      isOrdered,
      ...(eventTypes === undefined ? {} : { eventTypes }),
    })
  }

  /** Gives the new secret. The previous one signs as well for longer than a test takes. */
  async #rotate(partner: string, endpoint: string): Promise<string> {
    const answer = await this.#post(partner, `/webhook-endpoints/${endpoint}/secret/rotation`, {})
    if (answer.status !== 200) throw new Error(`a rotation was answered ${answer.status}`)
    return ((await answer.json()) as { readonly secret: string }).secret
  }

  /** Posts a batch until it is accepted, as partners do. One of more items than there are names is settled as a whole. */
  async pay(partner: PartnerName, count = names.length): Promise<string> {
    this.#batches += 1
    const key = `key-${this.#batches}`
    let id = ""
    await eventually("the batch is accepted", async () => {
      const answer = await this.#post(partner, "/payout-batches", batchOf(partner, count), {
        "idempotency-key": key,
      })
      id = ((await answer.json()) as { id: string }).id
      return answer.status === 202
    })
    return id
  }

  /** What this partner's batch says of itself. */
  async stateOf(partner: PartnerName, id: string): Promise<string> {
    const headers = { authorization: `Bearer ${keyOf(partner)}` }
    const answer = await fetch(`${this.#platform.url}/payout-batches/${id}`, { headers })
    return ((await answer.json()) as { readonly state: string }).state
  }

  /** What is wrong once nothing is on its way any more; after `withinMs`, what is wrong then. */
  async violations(withinMs: number): Promise<ReadonlyArray<string>> {
    const deadline = Date.now() + withinMs
    // To compare everything costs much more than to look what is on its way.
    while (Date.now() < deadline && (await this.#areUnderWay())) await sleep(250)
    for (;;) {
      const found = await this.#look()
      if (found.length === 0 || Date.now() > deadline) return found
      await sleep(2_000)
    }
  }

  async #areUnderWay(): Promise<boolean> {
    const deliveries = await readDeliveries(this.#platform.environment.DATABASE_URL ?? "")
    return deliveries.length === 0 || this.#pendingOf(deliveries).length > 0
  }

  #pendingOf(deliveries: ReadonlyArray<StoredDelivery>): ReadonlyArray<StoredDelivery> {
    const gone = new Set(this.endpoints.filter((one) => one.isGone).map(({ id }) => id))
    return deliveries.filter(({ state, endpoint }) => state === "pending" && !gone.has(endpoint))
  }

  async #look(): Promise<ReadonlyArray<string>> {
    try {
      const evidence = await this.evidence()
      const pending = this.#pendingOf(evidence.deliveries)
      return [
        ...notificationViolations(evidence),
        ...pending.map(({ eventId }) => `${eventId} is still on its way`),
      ]
    } catch (error) {
      return [`nothing can be compared: ${error}`]
    }
  }

  async evidence(): Promise<NotificationEvidence> {
    const {
      REDIS_URL = "",
      STREAM_PREFIX = "",
      DATABASE_URL = "",
      NATS_URL = "",
      NATS_STREAM = "",
    } = this.#platform.environment
    const [{ logs }, messages, deliveries] = await Promise.all([
      readRedis([REDIS_URL], STREAM_PREFIX),
      readStream(NATS_URL, NATS_STREAM),
      readDeliveries(DATABASE_URL),
    ])
    const idOf = new Map(this.endpoints.map(({ path, id }) => [path, id]))
    return {
      logs,
      stream: NATS_STREAM,
      messages,
      endpoints: this.endpoints,
      deliveries,
      requests: this.#receiver.requests.map((one) => ({
        ...one,
        endpoint: idOf.get(one.endpoint) ?? one.endpoint,
      })),
      attemptsMax: RETRY_DELAYS_MS.length + 1,
      wasWiped: this.wasWiped,
    }
  }

  async #post(
    partner: string,
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return fetch(`${this.#platform.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${keyOf(partner)}`, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    })
  }
}
