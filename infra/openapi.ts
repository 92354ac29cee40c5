/**
 * `npm run openapi`: writes all files that are made of schemas (contract-files.ts). Schemas of events that are no more are removed. A test
 * compares the files.
 */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises"
import { contractFiles, eventsFolder } from "./contract-files.ts"

const at = (path: string): URL => new URL(`../${path}`, import.meta.url)

await mkdir(at(eventsFolder), { recursive: true })
for (const name of await readdir(at(eventsFolder)))
  if (!contractFiles.has(`${eventsFolder}/${name}`)) await rm(at(`${eventsFolder}/${name}`))
for (const [path, text] of contractFiles) await writeFile(at(path), text)
