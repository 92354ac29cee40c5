/** The tables of docs/CONFIGURATION.md. What stands between them is written by hand. */
import type { Config } from "effect"
import { drafts, intake, policy } from "./batches.ts"
import { proof, vault } from "./keys.ts"
import { http, operations } from "./listeners.ts"
import { believesAnyCertificate, crashAt, logLevel, production, rolesToRun, vouchedFor } from "./process.ts"
import { providers } from "./providers.ts"
import { REQUIRED, type Setting, settingsIn } from "./setting.ts"
import { signIn } from "./sign-in.ts"
import { nats, postgres, redis } from "./stores.ts"
import { traces } from "./traces.ts"
import { webhooks } from "./webhooks.ts"
import { archive, projections, worker } from "./workers.ts"

/** The settings of each table, by the name in its marker. */
export const tables: Readonly<Record<string, ReadonlyArray<Config.Config<unknown>>>> = {
  http: [http, operations],
  "sign-in": [signIn],
  redis: [redis],
  vault: [vault],
  postgres: [postgres],
  proof: [proof],
  nats: [nats],
  workers: [worker],
  archive: [archive],
  "read-models": [projections],
  process: [logLevel, production, vouchedFor, believesAnyCertificate, rolesToRun],
  intake: [intake],
  drafts: [drafts],
  policy: [policy],
  providers: [providers],
  webhooks: [webhooks],
  traces: [traces],
  tests: [crashAt],
}

/** All settings of the service, in the order of the page. */
export const allSettings: ReadonlyArray<Setting> = Object.values(tables).flat().flatMap(settingsIn)

const marked = /<!-- settings: ([a-z-]+) -->\n[\s\S]*?<!-- \/settings -->/g

/** The page with its tables as the declarations are now. Fails if it has no place for one of them, or a place for none. */
export const pageWithTables = (page: string): string => {
  const missing = new Set(Object.keys(tables))
  const written = page.replaceAll(marked, (_, name: string) => {
    const table = tables[name]
    if (table === undefined || !missing.delete(name)) throw new Error(`no table, or twice: ${name}`)
    return `<!-- settings: ${name} -->\n${tableOf(table.flatMap(settingsIn))}\n<!-- /settings -->`
  })
  if (missing.size > 0) throw new Error(`the page has no place for: ${[...missing].join(", ")}`)
  return written
}

const tableOf = (settings: ReadonlyArray<Setting>): string =>
  ["| variable | is | default | meaning |", "|---|---|---|---|", ...settings.map(rowOf)].join("\n")

const rowOf = ({ name, form, fallback, secret, meaning }: Setting): string => {
  const is = secret === undefined ? form : `${form}; secret`
  const otherwise = fallback === REQUIRED ? "**required**" : fallback
  return `| \`${name}\` | ${is} | ${otherwise} | ${meaning.replaceAll("|", "\\|")} |`
}
