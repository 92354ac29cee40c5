/** A discrepancy as it is published: a CloudEvent on its own stream, for the operator and not for partners. */
import type { Day } from "../domain/business-days.ts"
import { type Discrepancy, discrepancyId, discrepancyKinds } from "./discrepancy.ts"

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
  const event = {
    specversion: "1.0",
    id,
    source: "/atlaspay",
    type: "com.atlaspay.reconciliation.discrepancy-found.v1",
    subject: batch === undefined ? reference : item === undefined ? batch : `${batch}/${item}`,
    time: new Date(at).toISOString(),
    datacontenttype: "application/json",
    data: { day, meaning: discrepancyKinds[kind], ...discrepancy },
  }
  const subject = `${stream.toLowerCase()}.reconciliation.${day}.${kind}.${id}`
  return { id, subject, body: JSON.stringify(event) }
}
