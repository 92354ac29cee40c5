/**
 * The files that are made of schemas: docs/openapi.json, docs/asyncapi.json, a JSON Schema for each event in docs/events, and the types
 * of the client.
 */
import { asyncApiDocument } from "../src/contract/asyncapi.ts"
import { eventSchemas } from "../src/contract/event-schemas.ts"
import { openApiDocument } from "../src/http/routes.ts"
import { type ApiDescription, clientFiles } from "./client-types.ts"

/** The folder of the schemas of events, which has nothing else. */
export const eventsFolder = "docs/events"

const json = (document: unknown): string => `${JSON.stringify(document, null, 2)}\n`

/** The text of each file, by its path from the root of the clone. */
export const contractFiles: ReadonlyMap<string, string> = new Map([
  ["docs/openapi.json", json(openApiDocument)],
  ["docs/asyncapi.json", json(asyncApiDocument)],
  ...[...eventSchemas].map(([name, schema]) => [`${eventsFolder}/${name}.json`, json(schema)] as const),
  ...Object.entries(clientFiles(openApiDocument as unknown as ApiDescription)).map(
    ([name, text]) => [`src/client/${name}`, text] as const,
  ),
])
