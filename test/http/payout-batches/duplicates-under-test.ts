/** An API that looks for duplicate payouts, and what tests ask of it. */
import { Effect } from "effect"
import type { BatchEvent } from "../../../src/domain/events.ts"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { paysWallets } from "../../providers/banks/pays-wallets.ts"
import { ClaimsInMemory } from "../../register/claims-in-memory.ts"
import { takeFrom } from "../../streams/log-under-test.ts"
import { type Answer, ApiUnderTest } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

/** An API that refuses the duplicates of both partners for 30 days; `more` goes on with the setting of acme. */
export const refusing = (claims = new ClaimsInMemory(), more = "") =>
  ApiUnderTest.open({
    claims,
    kinds: [paysWallets],
    environment: { DUPLICATE_PAYOUTS: `acme=refuse:30${more},globex=refuse:30` },
  })

/** An API that warns of the duplicates of all partners. */
export const warning = (claims = new ClaimsInMemory()) =>
  ApiUnderTest.open({ claims, environment: { DUPLICATE_PAYOUTS: "*=warn:30" } })

/** The body of a batch of these payouts. */
export const batch = (...items: ReadonlyArray<object>) => ({ items })

/** A batch that pays one invoice. */
export const invoice = batch(payout("INV-1"))

/** What allows duplicates on purpose. */
export const allowed = { duplicates: { allowed: true, reason: "ordered twice" } }

/** The first event of a batch in the log. */
export const firstEvent = async (api: ApiUnderTest, id: unknown) => {
  const [first] = await Effect.runPromise(api.log.read(id as BatchId, 0, 1))
  if (first?.event._tag !== "BatchReceived") throw new Error("the batch is not in the log")
  return first.event
}

/** Appends events to a batch, as a worker does. */
export const goesOn = (api: ApiUnderTest, id: unknown, ...events: ReadonlyArray<BatchEvent>) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const owned = (yield* takeFrom(api.log, "w", 10, 20)).find(({ batch }) => batch === id)
      const log = yield* api.log.read(id as BatchId, 0, 1_000)
      if (owned === undefined) throw new Error("the batch is not scheduled")
      yield* api.log.append(owned, {
        expectedVersion: log.length,
        head: log.at(-1)?.hash ?? "",
        events,
        handled: [],
        commandId: "w",
        open: true,
      })
      yield* api.log.release(owned, undefined)
    }),
  )

/** The type of the problem that an answer reports. */
export const problemOf = ({ json }: Answer) => String(json.type)

/** The line of /metrics that begins like this. */
export const metric = async (api: ApiUnderTest, line: string) =>
  (await api.ask("/metrics")).text.split("\n").find((one) => one.startsWith(line))
