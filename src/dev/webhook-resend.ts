/** What a partner's developer does with webhooks: looks at their deliveries, and has one sent again. */
import { Effect, Schedule } from "effect"
import type { EndedAttempt, ListedDelivery } from "../client/command-client.ts"
import type { CliFailure } from "../terminal/cli-failure.ts"
import type { Partner } from "./partner.ts"
import { type WebhookSums, webhookDisagreements, webhookSums } from "./webhook-summary.ts"

export interface ResentWebhook {
  /** The id of the event, which is the `webhook-id` of both. */
  readonly event: string
  readonly eventType: string
  readonly stateBefore: ListedDelivery["state"]
  /** Whether the receiver verified it again under the same id, with the same body, and the log of deliveries has that. */
  readonly isRepeated: boolean
  /** All of its attempts, the oldest first. */
  readonly attempts: ReadonlyArray<EndedAttempt>
}

export interface Webhooks {
  /** By event type. */
  readonly sums: ReadonlyMap<string, WebhookSums>
  /** `undefined` if none came that could be sent again. */
  readonly resent: ResentWebhook | undefined
  /** What is wrong, or did not arrive in time; empty if nothing. */
  readonly problems: ReadonlyArray<string>
}

const POLL = "100 millis"
const RECORDED_MS_MAX = 20_000
const RESENT_MS_MAX = 20_000
/** What is sent again, if the batch has one. */
const PREFERRED_TYPE = "com.atlaspay.payout.settled.v1"

/**
 * Has a webhook of the partner's batch sent again once all have arrived, and waits until the receiver has verified it as a repetition.
 * Then compares the log of deliveries with what the receiver took. Each wait has a limit; what is missing then is among the problems.
 */
export const resendOne = Effect.fn("resendOne")(function* (
  partner: Partner,
): Effect.fn.Return<Webhooks, CliFailure> {
  const { client, endpoint, batch, webhooks } = partner
  // Before an arrival is recorded, its delivery is pending, and sending that again changes nothing.
  yield* within(
    RECORDED_MS_MAX,
    Effect.map(client.webhookDeliveries(endpoint, batch, "pending"), ({ length }) => length === 0),
  )
  const event = chosen(webhooks)
  const resent = event === undefined ? undefined : yield* resend(partner, event)
  const deliveries = (yield* client.webhookDeliveries(endpoint, batch)).toReversed()
  return {
    sums: webhookSums(deliveries, webhooks),
    resent,
    problems: [
      ...webhookDisagreements(deliveries, webhooks),
      ...(resent === undefined ? ["no webhook was sent again, because none was verified"] : []),
      ...(resent?.isRepeated === false
        ? [`${resent.event} was sent again, and no repetition of it was verified`]
        : []),
    ],
  }
})

const chosen = ({ verified }: Partner["webhooks"]): string | undefined => {
  const [first] = verified.keys()
  const [preferred] = [...verified].find(([, { type }]) => type === PREFERRED_TYPE) ?? []
  return preferred ?? first
}

const resend = Effect.fnUntraced(function* (
  { client, endpoint, webhooks }: Partner,
  event: string,
): Effect.fn.Return<ResentWebhook, CliFailure> {
  const before = yield* client.webhookDelivery(endpoint, event)
  const { times = 0 } = webhooks.verified.get(event) ?? {}
  const { altered } = webhooks
  const { stateBefore } = yield* client.resendWebhook(endpoint, event)
  const isRecorded = yield* within(
    RESENT_MS_MAX,
    Effect.map(
      client.webhookDelivery(endpoint, event),
      ({ state, attempts }) => state === "delivered" && attempts > before.attempts,
    ),
  )
  const cameAgain = (webhooks.verified.get(event)?.times ?? 0) > times && webhooks.altered === altered
  const { eventType, ended } = yield* client.webhookDelivery(endpoint, event)
  return { event, eventType, stateBefore, isRepeated: isRecorded && cameAgain, attempts: ended }
})

/** Asks until the answer is yes; `false` if it was not in time. */
const within = (
  ms: number,
  question: Effect.Effect<boolean, CliFailure>,
): Effect.Effect<boolean, CliFailure> =>
  question.pipe(
    Effect.repeat({ until: (isSo) => isSo, schedule: Schedule.spaced(POLL) }),
    Effect.timeoutOrElse({ duration: ms, orElse: () => Effect.succeed(false) }),
  )
