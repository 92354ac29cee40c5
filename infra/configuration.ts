/** Writes the tables of docs/CONFIGURATION.md from the declarations of settings, between its markers. */
import { readFileSync, writeFileSync } from "node:fs"
import { pageWithTables } from "../src/settings/tables.ts"

const page = new URL("../docs/CONFIGURATION.md", import.meta.url)
writeFileSync(page, pageWithTables(readFileSync(page, "utf8")))
