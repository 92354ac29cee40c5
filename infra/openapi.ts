/** Writes docs/openapi.json: the OpenAPI document of all routes, which a test compares with them. */
import { writeFile } from "node:fs/promises"
import { openApiDocument } from "../src/http/routes.ts"

const place = new URL("../docs/openapi.json", import.meta.url)
await writeFile(place, `${JSON.stringify(openApiDocument, null, 2)}\n`)
