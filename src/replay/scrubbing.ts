/**
 * Events without what tells who was paid, by whom, why, and where: names, references, remittances, accounts, texts, credentials and
 * keys are replaced by stand-ins. The events fold into the same states, because nothing that a fold asks for is changed.
 */

import { INSUFFICIENT_FUNDS } from "../domain/batch.ts"
import { NAME_CHECK } from "../domain/clearance.ts"
import { POLICY } from "../domain/credential.ts"
import { exponentOf } from "../domain/currency.ts"
import type { BatchEvent } from "../domain/events.ts"
import { meaningOf, UNSPECIFIED } from "../domain/failure-codes.ts"
import { type BatchId, transferReference } from "../domain/identifiers.ts"
import { schemes } from "../domain/scheme.ts"
import type { Pseudonyms } from "./pseudonyms.ts"
import { type Treatment, treatmentOf } from "./scrubbed-fields.ts"

/** The field of an event that nobody has decided about: the export is refused. */
export class UnknownField extends Error {}

export interface Scrubbing {
  readonly names: Pseudonyms
  /** The batch, under its own name and the one that it gets. */
  readonly from: BatchId
  readonly to: BatchId
  /** Whether amounts are replaced as well: the same amount by the same one, so that sums stay sums. */
  readonly amounts: boolean
}

/** No key opens it. It has the form of a seal, so that the log is read, and paying an item of it fails. */
const NO_SEAL = "0.scrubbed"

/** The event with each field treated. Throws {@link UnknownField}. */
export const scrubbed = (event: BatchEvent, by: Scrubbing): BatchEvent =>
  treated(event, event._tag, "", by, event) as BatchEvent

const treated = (value: unknown, tag: string, path: string, by: Scrubbing, owner: object): unknown => {
  if (Array.isArray(value)) return value.map((one) => treated(one, tag, `${path}[]`, by, owner))
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => {
        const own = path === "" ? name : `${path}.${name}`
        const isRecord = treatmentOf(tag, `${path}.*`) !== undefined
        return [name, treated(one, tag, isRecord ? `${path}.*` : own, by, value)]
      }),
    )
  const treatment = treatmentOf(tag, path)
  if (treatment === undefined)
    throw new UnknownField(`no export: nobody has decided about the field ${path} of ${tag}`)
  return replaced(value, treatment, by, owner)
}

const replaced = (value: unknown, treatment: Treatment, by: Scrubbing, owner: object): unknown => {
  const { names, amounts } = by
  if (treatment === "kept") return value
  if (treatment === "minor") return amounts && typeof value === "bigint" ? names.minor(value) : value
  if (treatment === "decimal") return amounts ? "1" : value
  const text = String(value)
  switch (treatment) {
    case "word":
      return isOurWord(text) ? text : names.text(text)
    case "text":
      return names.text(text)
    case "actor":
      return text === POLICY ? text : names.text(text)
    case "credential":
      return credentialFor(text, names)
    case "batch":
      return names.batch(text as BatchId)
    case "trace":
      return names.trace(text)
    case "span":
      return names.span(text)
    case "lastFour":
      return names.lastFour(text)
    case "seal":
      return NO_SEAL
    case "reference":
      return referenceFor(text, by, owner)
  }
}

/** `operator:x…` or `partner:x…/x…`: what a credential may do follows from its kind. */
const credentialFor = (credential: string, { text }: Pseudonyms): string => {
  const [kind = "", name = ""] = credential.split(":")
  return `${kind}:${name.split("/").map(text).join("/")}`
}

/** The reference of a transfer follows from the batch, as everywhere. */
const referenceFor = (reference: string, { from, to, names }: Scrubbing, transfer: object): string => {
  const { item, attempt } = transfer as { readonly item: number; readonly attempt: number }
  const isDerived = reference === transferReference({ batch: from, item, attempt })
  return isDerived ? transferReference({ batch: to, item, attempt }) : names.text(reference)
}

/** Words that a fold or a reader asks for, in the codes of banks, the engine, the ledger and refusals. */
const ours: ReadonlySet<string> = new Set([
  ...[INSUFFICIENT_FUNDS, NAME_CHECK, UNSPECIFIED, "sanctions", "illegal-transition", "partial", "strict"],
  ...schemes,
  ...`refuse warn allow not-due not-started already-started not-scheduled not-held findings-differ clearance-not-current
      changed-since not-failed cancelled not-parked approval-not-needed already-approved approval-expired approval-declined
      approver-is-submitter approver-unknown submitter-unknown operator-needed decider-is-submitter second-operator-needed
      evidence-needed hash-differs attempts-exhausted items-open attempt-not-last attempt-not-named attempt-not-in-question
      attempt-open withdrawal-open batch-closed nothing-to-cancel changes-nothing no-such-item no-such-attempt
      clearance-withdrawn`.split(/\s+/),
])

const isOurWord = (text: string): boolean =>
  ours.has(text) || meaningOf(text) !== undefined || exponentOf(text) !== undefined
