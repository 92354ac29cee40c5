/** A discrepancy as it is published: a CloudEvent on its own stream, for the operator and not for partners. */
import { Schema } from "effect"
import type { Day } from "../domain/business-days.ts"
import { type Discrepancy, type DiscrepancyKind, discrepancyId, discrepancyKinds } from "./discrepancy.ts"

const text = (description: string) => Schema.String.annotate({ description })
const optionalText = (description: string) => Schema.optionalKey(text(description))

const Kind = Schema.Literals(Object.keys(discrepancyKinds) as ReadonlyArray<DiscrepancyKind>)

/** The contract of the event: what {@link eventOf} makes. */
const DiscrepancyFound = Schema.Struct({
  specversion: Schema.Literal("1.0"),
  id: text(
    "Derived from the day and the difference: the same for the same difference, however often it is found.",
  ),
  source: Schema.Literal("/atlaspay"),
  type: Schema.Literal("com.atlaspay.reconciliation.discrepancy-found.v1"),
  subject: optionalText("`<batch>/<item>`, the batch, or a reference that is in no log."),
  time: Schema.String.annotate({
    description: "The end of the run that found the difference.",
    format: "date-time",
  }),
  datacontenttype: Schema.Literal("application/json"),
  data: Schema.Struct({
    day: Schema.String.annotate({ description: "The day that was compared.", format: "date" }),
    meaning: text("The kind in words, for people: the wording may change."),
    kind: Kind,
    partner: Schema.optionalKey(Schema.String),
    batch: Schema.optionalKey(Schema.String),
    item: Schema.optionalKey(Schema.Int),
    bank: Schema.optionalKey(Schema.String),
    reference: optionalText("The transfer's reference, or the ledger's id of the posting."),
    expected: text("What the log has."),
    found: text("What the other side has."),
  }),
}).annotate({
  title: "DiscrepancyFound",
  description: "Reconciliation found a difference between the logs, a bank and the ledger. For the operator.",
})

export const discrepancyContracts = { DiscrepancyFound }

export interface DiscrepancyEvent {
  readonly id: string
  readonly subject: string
  readonly body: string
}

/** The stream of discrepancies, beside the stream of public events. */
export const streamOf = (stream: string): string => `${stream}_RECONCILIATION`

/** All subjects of discrepancies: `atlaspay.reconciliation.>`. */
export const allDiscrepancies = (stream: string): string => `${stream.toLowerCase()}.reconciliation.>`

/** `atlaspay.reconciliation.<day>.<kind>.<id>`: one subject for each discrepancy, so that none is published twice. */
export const eventOf = (stream: string, day: Day, at: number, discrepancy: Discrepancy): DiscrepancyEvent => {
  const { kind, batch, item, reference } = discrepancy
  const id = discrepancyId(day, discrepancy)
  const about = batch === undefined ? reference : item === undefined ? batch : `${batch}/${item}`
  const event: typeof DiscrepancyFound.Type = {
    specversion: "1.0",
    id,
    source: "/atlaspay",
    type: "com.atlaspay.reconciliation.discrepancy-found.v1",
    // An attribute of a CloudEvent is not empty: it is left out.
    ...(about === undefined || about === "" ? {} : { subject: about }),
    time: new Date(at).toISOString(),
    datacontenttype: "application/json",
    data: { day, meaning: discrepancyKinds[kind], ...discrepancy },
  }
  const subject = `${stream.toLowerCase()}.reconciliation.${day}.${kind}.${id}`
  return { id, subject, body: JSON.stringify(event) }
}
