/**
 * Whether texts are CloudEvents 1.0.2 (https://github.com/cloudevents/spec, tag v1.0.2). First by the facts of the specification's own JSON
 * Schema (cloudevents/formats/cloudevents.json: which attributes are required, of what type, in what format, and not empty), then by the
 * rules of cloudevents/spec.md, formats/json-format.md and the extensions that no schema has.
 */
import { Ajv2020 } from "ajv/dist/2020.js"
import formats from "ajv-formats"
import { Result } from "effect"
import { eventSchemas } from "../../src/contract/event-schemas.ts"
import { decodeEvent } from "../../src/domain/event-codec.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { encodePublicEvent } from "../../src/publisher/public-event.ts"
import { advanceHistory, emptyHistory } from "../../src/publisher/public-history.ts"
import type { LoggedEvent } from "../../src/streams/event-store.ts"

const nullable = (more: object = {}) => ({ type: ["string", "null"], minLength: 1, ...more })
const text = { type: "string", minLength: 1 }

/** Every type of the data is allowed, so it is not named here. */
const officialSchema = {
  type: "object",
  required: ["id", "source", "specversion", "type"],
  properties: {
    id: text,
    source: { ...text, format: "uri-reference" },
    specversion: text,
    type: text,
    datacontenttype: nullable(),
    dataschema: nullable({ format: "uri" }),
    subject: nullable(),
    time: nullable({ format: "date-time" }),
    data_base64: { type: ["string", "null"] },
  },
}

const ajv = new Ajv2020({ strict: false, allErrors: true })
formats.default(ajv)
const isOfficial = ajv.compile(officialSchema)
const contracts = new Map([...eventSchemas].map(([name, schema]) => [name, ajv.compile(schema)]))
const typesOf = (schema: object): ReadonlyArray<string> => Object(schema).properties.type.enum
const nameOfType = new Map(
  [...eventSchemas].flatMap(([name, schema]) => typesOf(schema).map((type) => [type, name] as const)),
)

/** Letters and digits in lower case; and at most twenty, which the specification recommends. */
const attributeName = /^[a-z0-9]{1,20}$/
/** RFC 3339, 5.6. */
const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/
/** Section "Type System": no control characters, no noncharacters, no half of a pair of surrogates. */
const forbidden = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u
/** W3C Trace Context, 3.2: version 00, and neither the trace nor the span is all zeros. */
const traceParent = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/
/** A registered name in reverse order of its labels. */
const reverseDns = /^(?:[a-z0-9-]+\.){2,}[a-z0-9-]+$/
const BYTES_MAX = 64 * 1024
const INTEGER_MAX = 2 ** 31 - 1

/** What is wrong with a text as one CloudEvent in structured JSON. Empty if nothing is. */
export const faultsOf = (body: string): ReadonlyArray<string> => {
  const event = JSON.parse(body)
  const faults: Array<string> = []
  const expects = (isSo: boolean, otherwise: string) => {
    if (!isSo) faults.push(otherwise)
  }
  expects(isOfficial(event), `the official schema: ${ajv.errorsText(isOfficial.errors)}`)
  const { data, data_base64, ...attributes } = event
  expects(data === undefined || data_base64 === undefined, "it has data twice")
  expects(JSON.stringify(event) === body, "printed again, it is another text")
  expects(Buffer.byteLength(body) <= BYTES_MAX, `it has ${Buffer.byteLength(body)} bytes`)
  expects(Buffer.from(body).toString() === body, "it is no UTF-8")
  for (const [name, value] of Object.entries(attributes)) {
    expects(attributeName.test(name), `${name} is no name of an attribute`)
    if (typeof value === "number")
      expects(Number.isInteger(value) && Math.abs(value) <= INTEGER_MAX, `${name} is no Integer`)
    else if (typeof value !== "boolean") {
      expects(typeof value === "string", `${name} is neither a text, a whole number nor a boolean`)
      expects(value !== "", `${name} is empty`)
      expects(!forbidden.test(String(value)), `${name} has a character that no text may have`)
    }
  }
  expects(event.specversion === "1.0", "specversion is not 1.0")
  expects(reverseDns.test(event.type), "type has no reverse DNS name")
  expects(event.time === undefined || timestamp.test(event.time), "time is not of RFC 3339")
  expects(event.datacontenttype === "application/json", "the data are not JSON")
  if ("traceparent" in event) expects(traceParent.test(event.traceparent), "traceparent is none")
  if ("tracestate" in event) expects("traceparent" in event, "tracestate is there without traceparent")
  return [...faults, ...halvesOfPairs(data), ...contractFaults(event)]
}

/** What is wrong with it by our own contract, which names all types that there are. */
const contractFaults = (event: { readonly type: string }): ReadonlyArray<string> => {
  const name = nameOfType.get(event.type) ?? ""
  const validate = contracts.get(name)
  if (validate === undefined) return [`no contract has the type ${event.type}`]
  return validate(event) ? [] : [`docs/events/${name}.json: ${ajv.errorsText(validate.errors)}`]
}

/**
 * What is wrong with the events that a log yields, of its entries as they are stored: with those that the service published, because the
 * same function derives them.
 */
export const faultsOfLog = (batch: string, entries: ReadonlyArray<string>): ReadonlyArray<string> => {
  const history = emptyHistory(batch as BatchId)
  const events = entries.map((entry) => Result.getOrThrow(decodeEvent(entry)))
  const bodies = events.flatMap((event, index) => {
    const read = { version: index + 1, event, hash: "" } as LoggedEvent
    return advanceHistory(history, read).map(encodePublicEvent)
  })
  return faultsAmong(bodies).map((fault) => `an event of ${batch} is no CloudEvent: ${fault}`)
}

/** Texts in the data that are no Unicode: JSON can write them, and many readers refuse the whole event. */
const halvesOfPairs = (value: unknown): ReadonlyArray<string> => {
  if (typeof value === "string") return value.isWellFormed() ? [] : [`${JSON.stringify(value)} is no Unicode`]
  if (typeof value !== "object" || value === null) return []
  return Object.entries(value).flatMap(([name, within]) => [...halvesOfPairs(name), ...halvesOfPairs(within)])
}

/** What is wrong with the events of one batch, in the order in which they were made: each by itself, and all together. */
export const faultsAmong = (bodies: ReadonlyArray<string>): ReadonlyArray<string> => {
  const events = bodies.map((body) => JSON.parse(body))
  const keys = events.map(({ source, id }) => JSON.stringify([source, id]))
  const numbers = events.map(({ sequence }) => sequence)
  const expected = events.map((_, index) => String(index + 1).padStart(10, "0"))
  return [
    ...bodies.flatMap(faultsOf),
    ...(new Set(keys).size === keys.length ? [] : ["two events have one source and id"]),
    // The sequence extension: texts that sort as the events do, here also without a gap.
    ...(numbers.join() === expected.join() ? [] : [`the sequence is ${numbers.join()}`]),
  ]
}
