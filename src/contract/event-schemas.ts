/** The JSON Schema (2020-12) of each event: a document of its own, `docs/events/<EventName>.json` and `/events/<EventName>.json`. */
import type { Schema } from "effect"
import { jsonSchemaOf } from "../parsing/json-schemas.ts"
import { type EventFamily, eventFamilies } from "./event-families.ts"

type Json = Readonly<Record<string, unknown>>

/** The schema of each event of all families, by name. Throws if two events have one name. */
export const contractsOf = (families: ReadonlyArray<EventFamily>): ReadonlyMap<string, Schema.Top> => {
  const all = new Map<string, Schema.Top>()
  for (const { contracts } of families)
    for (const [name, schema] of Object.entries(contracts)) {
      if (all.has(name)) throw new Error(`two events are called ${name}`)
      all.set(name, schema)
    }
  return all
}

/** The document of each event, by name. Members that are not named are allowed, because the contract grows. */
export const eventSchemasOf = (families: ReadonlyArray<EventFamily>): ReadonlyMap<string, Json> =>
  new Map([...contractsOf(families)].map(([name, schema]) => [name, jsonSchemaOf(schema)]))

export const eventSchemas = eventSchemasOf(eventFamilies)
