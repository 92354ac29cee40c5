/**
 * Writes docs/openapi.json, the OpenAPI document of all routes, and the types of the client, which come from it. A test compares both with
 * the routes.
 */
import { writeFile } from "node:fs/promises"
import { openApiDocument } from "../src/http/routes.ts"
import { type ApiDescription, clientFiles } from "./client-types.ts"

const write = (place: string, text: string) => writeFile(new URL(`../${place}`, import.meta.url), text)

await write("docs/openapi.json", `${JSON.stringify(openApiDocument, null, 2)}\n`)
for (const [name, text] of Object.entries(clientFiles(openApiDocument as unknown as ApiDescription)))
  await write(`src/client/${name}`, text)
