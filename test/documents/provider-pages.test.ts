/** The settings on the pages of providers: each is read as `atlaspay config` reads it, by the kind that it names. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { configHere } from "../cli/command-here.ts"

const pages = "docs/providers"
const folder = mkdtempSync(join(tmpdir(), "provider-pages-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** The entries in JSON on a page; a page may show the field that has one. */
const shownOn = (page: string): ReadonlyArray<string> =>
  [...readFileSync(`${pages}/${page}`, "utf8").matchAll(/^```json\n(.*?)^```$/gms)].map(([, text = ""]) =>
    text.startsWith('"') ? text.slice(text.indexOf("{")) : text,
  )

const entries = readdirSync(pages).flatMap((page) => shownOn(page).map((text) => [page, text] as const))

const nowhere = { url: "https://elsewhere.payouts.io" }
const north = { name: "north", kind: "instant", ...nowhere }
const bankKinds = new Set(["adyen", "paypal", "files"])

/** A document with this entry where it belongs. */
const documentWith = (entry: { readonly kind: string; readonly name?: string }) => ({
  version: "1",
  compliance: ["watchman", "yente"].includes(entry.kind) ? entry : nowhere,
  ledger: entry.kind === "formance" ? entry : nowhere,
  banks: bankKinds.has(entry.kind) ? [north, entry] : [north],
  routes: [{ rule: "*", banks: ["north"] }],
})

const secret = (seed: number) => `whsec_${Buffer.alloc(32, seed).toString("base64")}`

describe("the settings that a provider's page shows", () => {
  it("are on all pages but that of what banks send", () => {
    expect(new Set(entries.map(([page]) => page)).size).toBe(readdirSync(pages).length - 1)
  })

  it.each(entries)("can be used: %s", async (page, text) => {
    const file = join(folder, `${page}.json`)
    writeFileSync(file, JSON.stringify(documentWith(JSON.parse(text))))
    const { status, output } = await configHere(
      {
        PROVIDERS_FILE: file,
        API_KEYS: "acme=acme-key",
        MASTER_KEYS: `k1=${Buffer.alloc(32, 1).toString("base64")}`,
        REDIS_URL: "redis://127.0.0.1:1",
        DATABASE_URL: "postgres://127.0.0.1:1/x",
        NATS_URL: "nats://127.0.0.1:1",
        BANK_CALLBACK_SECRET: `north=${secret(1)}${page === "adyen.md" ? `,adyen=${secret(2)}` : ""}`,
        ADYEN_API_KEY: "key",
        PAYPAL_CLIENT_SECRET: "secret",
        FORMANCE_SECRET: "secret",
      },
      "--json",
    )
    expect([status, status === 0 ? "" : output]).toEqual([0, ""])
  })
})
