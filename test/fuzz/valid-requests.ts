/** Requests that an operation can accept, made from what the document says and shows of it. */
import type { Chance } from "./chance.ts"
import { authorizationOf, partners, permitted, strangers } from "./credentials.ts"
import type { ApiDocument, BodyForm, JsonSchema, Operation, Parameter } from "./document.ts"
import { csvOf, ndjsonOf, type Payout, pain001Of, payoutOf } from "./payouts.ts"
import type { FuzzRequest, Header } from "./request.ts"
import { valuesOf } from "./values.ts"

/** What a valid request is made for: its operation, its number, and chance. */
export interface Making {
  readonly document: ApiDocument
  readonly operation: Operation
  readonly number: number
  readonly seed: number
  readonly chance: Chance
}

const STRANGER_SHARE = 0.2
const PARAMETER_SHARE = 0.25
const PAYOUTS_MAX = 6

/** Batches that are there from the start of a run, by what became of them. */
export const fixtureBatches = ["closed", "approval", "scheduled", "held", "others"] as const
/** Drafts that are there from the start of a run. All have items; `others` is another partner's. */
export const fixtureDrafts = ["filled", "second", "third", "others"] as const
/** Keys that administrators act on. */
export const SPARE_KEYS = 24
/** Endpoints that stay for the whole run: each has the delivery of a test event, and the first one a replay. */
export const LASTING_ENDPOINTS = 4
/** Endpoints that may be removed. They leave room for those that the run adds: a partner may have 16. */
export const SPARE_ENDPOINTS = 6

/** What stands for an object that is there, by the parameter that names it and the operation. */
const objectOf = ({ path, operationId }: Operation, name: string, chance: Chance): string | undefined => {
  if (name === "id" && path.startsWith("/payout-batches/")) return `{{batch:${chance.pick(fixtureBatches)}}}`
  if (operationId === "removeWebhookEndpoint") return `{{endpoint:spare-${chance.below(SPARE_ENDPOINTS)}}}`
  // A delivery and a replay are found at their own endpoint only: most requests name that one.
  if (name === "event" || name === "replay") return `{{${name}:0}}`
  if (/\{(event|replay)\}/.test(path) && chance.isTrue(0.8)) return "{{endpoint:0}}"
  if (name === "endpoint" || path.startsWith("/webhook-endpoints/"))
    return `{{endpoint:${chance.below(LASTING_ENDPOINTS)}}}`
  if (name === "draft") return `{{draft:${chance.pick(fixtureDrafts)}}}`
  if (name === "partner") return partners.spare
  if (name === "key") return `{{keyid:${chance.below(SPARE_KEYS)}}}`
  if (name === "item") return String(1 + chance.below(3))
  if (name === "bank") return chance.pick(["north", "south"])
  return undefined
}

/** Any address on this service, and a valid request to it. */
export const validRequest = (making: Making): FuzzRequest => {
  const { operation, number, chance } = making
  const names = chance.isTrue(STRANGER_SHARE) ? strangers : permitted(operation.credentials, operation.path)
  const credential = chance.pick(names)
  const path = operation.parameters
    .filter((parameter) => parameter.in === "path")
    .reduce(
      (text, parameter) => text.replace(`{${parameter.name}}`, segmentOf(parameter, making)),
      operation.path,
    )
  const form = operation.bodies.length === 0 ? undefined : chance.pick(operation.bodies)
  const isSigned = operation.credentials.includes("signature")
  return {
    number,
    operationId: operation.operationId,
    listener: chance.pick(operation.listeners),
    kind: "valid",
    changes: [],
    credential,
    method: operation.method,
    template: operation.path,
    path,
    query: queryOf(making, form),
    headers: [...authorizationOf(credential), ...headersOf(making, form)],
    body: form === undefined ? undefined : Buffer.from(bodyOf(form, making)),
    coding: form !== undefined && !isSigned && chance.isTrue(0.1) ? "gzip" : "identity",
    isChunked: chance.isTrue(0.1),
    ...(isSigned ? { signedWith: signerOf(operation, path) } : {}),
    expects: "document",
    cutsOff: false,
    version: "HTTP/1.1",
  }
}

const signerOf = ({ path }: Operation, target: string): string =>
  path.startsWith("/bank-callbacks")
    ? (target.split("/").at(-1) ?? "")
    : (path.split("/")[1]?.split("-")[0] ?? "")

const segmentOf = (parameter: Parameter, { operation, chance }: Making): string =>
  objectOf(operation, parameter.name, chance) ?? String(parameter.example ?? "x")

/** The terms of a batch are in the query for files only. */
const ofFilesOnly = [
  "rejects",
  "reference",
  "mode",
  "submittedBy",
  "requireApproval",
  "executeAt",
  "duplicatesReason",
  "decimal",
  "thousands",
]

const queryOf = (making: Making, form: BodyForm | undefined): ReadonlyArray<string> => {
  const { operation, chance } = making
  return operation.parameters.flatMap((parameter) => {
    const { name } = parameter
    if (parameter.in !== "query") return []
    const isOfFile = ofFilesOnly.includes(name) && form !== undefined
    if (isOfFile && (form.mediaType !== "text/csv" || !["reference", "mode", "rejects"].includes(name)))
      return []
    if (!parameter.required && !chance.isTrue(PARAMETER_SHARE)) return []
    const argument = argumentOf(parameter, making)
    return [`${name}=${argument.startsWith("{{") ? argument : encodeURIComponent(argument)}`]
  })
}

/** A cursor is one that the service gave; most are for another list, and are refused. */
const argumentOf = (parameter: Parameter, { document, operation, chance }: Making): string => {
  const { name, schema, example } = parameter
  if (name === "cursor")
    return `{{cursor:${chance.pick([operation.operationId, "listPayoutItems", "searchPayoutItems"])}}}`
  if (name === "partner") return chance.pick(Object.values(partners))
  if (name === "endpoint") return `{{endpoint:${chance.below(LASTING_ENDPOINTS)}}}`
  if (/^(received|execute|since|until)/.test(name))
    return chance.pick(["2026-01-01", "{{tomorrow}}", "2030-01-01T00:00:00Z"])
  if (example !== undefined && chance.isTrue(0.5)) return String(example)
  const value = chance.draw(valuesOf(schema, document))
  return wellFormed(Array.isArray(value) ? value.join(",") : String(value))
}

/** encodeURIComponent takes no lone surrogates. */
const wellFormed = (text: string): string => text.toWellFormed()

const headersOf = (making: Making, form: BodyForm | undefined): ReadonlyArray<Header> => {
  const { operation, number, seed, chance } = making
  const headers: Array<Header> = form === undefined ? [] : [["Content-Type", form.mediaType]]
  const accept = chance.pick(["", "*/*", ...operation.mediaTypes])
  if (accept !== "") headers.push(["Accept", `${accept}, application/problem+json;q=0.1`])
  for (const { in: place, name } of operation.parameters) {
    if (place !== "header") continue
    if (name === "Idempotency-Key" && (needsKey(operation) || chance.isTrue(0.2)))
      headers.push([name, `fuzz-${seed}-${number}`])
    // A draft has version 2 once it has its items. Each change makes the next.
    if (name === "If-Match" && chance.isTrue(0.9)) headers.push([name, `"${2 + chance.below(4)}"`])
    if (name === "If-None-Match" && chance.isTrue(0.2))
      headers.push([name, chance.pick(["*", '"x"', 'W/"x"'])])
    if (name === "Last-Event-Id" && chance.isTrue(0.2)) headers.push([name, String(chance.below(20))])
  }
  return headers
}

const needsKey = ({ operationId, path }: Operation): boolean =>
  path === "/payout-batches" || operationId === "addDraftItems"

const bodyOf = (form: BodyForm, making: Making): string => {
  const { chance } = making
  const shown = form.example
  const payouts = Array.from({ length: 1 + chance.below(PAYOUTS_MAX) }, (_, at) =>
    payoutOf(chance, `order-${making.number}-${at + 1}`),
  )
  if (typeof shown !== "string") return JSON.stringify(enlivened(shown, form.schema, payouts, making))
  if (form.mediaType === "text/csv" && shown.startsWith("reference,")) return csvOf(payouts)
  if (form.mediaType === "application/x-ndjson" && shown.includes('"beneficiary"')) return ndjsonOf(payouts)
  const withIban = payouts.filter(({ beneficiary }) => beneficiary.account.scheme === "iban")
  return shown.includes("<CdtTrfTxInf>") && withIban.length > 0
    ? pain001Of(shown, withIban)
    : shown.replace(/<Dt>[\d-]+<\/Dt>/, "<Dt>{{tomorrow}}</Dt>")
}

/** What an example shows, with payouts of its own, and sometimes with other members that the schema has. */
const enlivened = (
  shown: unknown,
  schema: JsonSchema,
  payouts: ReadonlyArray<Payout>,
  { document, chance, operation, number }: Making,
): unknown => {
  if (typeof shown !== "object" || shown === null) return shown
  const body: Record<string, unknown> = { ...shown }
  if (isListOfPayouts(body.items)) body.items = payouts
  const found = document.resolve(schema)
  const { properties = {} } = found.properties === undefined ? (found.anyOf?.[0] ?? found) : found
  for (const [name, of] of Object.entries(properties))
    if (!(name in body) && name !== "executeAt" && chance.isTrue(0.15))
      body[name] = chance.draw(valuesOf(of, document))
  // A version that the engine does not have would stop all payments.
  if ("hash" in body) body.hash = "{{hash}}"
  if ("batchId" in body) body.batchId = `{{batch:${chance.pick(fixtureBatches)}}}`
  // The URL of another endpoint of the partner is refused.
  if (operation.operationId === "createWebhookEndpoint")
    body.url = `https://marketplace.example/hooks/added-${number}`
  if ("listVersion" in body) body.listVersion = "{{list}}"
  if ("id" in body && operation.credentials.includes("signature")) body.id = `msg_${number}`
  if (operation.operationId === "createPartner" || ("id" in body && operation.path === "/admin/partners"))
    body.id = `p-${number}`
  return body
}

const isListOfPayouts = (value: unknown): boolean =>
  Array.isArray(value) && typeof value[0] === "object" && value[0] !== null && "beneficiary" in value[0]
