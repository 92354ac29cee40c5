/** Adds a ledger as docs/adding-a-provider.md says: its folder, its line, its settings. It is posted to, and its books are read. */
import { readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll } from "vitest"
import type { LedgerLine } from "../../../src/providers/books.ts"
import { Ledger } from "../../../src/providers/ledger/ledger.ts"
import { LedgerBooks, ledgerBooksLayer, ledgerLayer } from "../../../src/providers/ledger/ledger-kind.ts"
import { batchId } from "../../domain/batch-story.ts"
import { providerSettings } from "../../settings.ts"
import { violations } from "../../tidy-rules.ts"
import { json, MisbehavingServer } from "../calling/misbehaving-server.ts"
import { abacus } from "./abacus/abacus-http.ts"

const page = readFileSync(new URL("../../../docs/adding-a-provider.md", import.meta.url), "utf8")
const blocks = [...page.matchAll(/^```(ts|json)\n([\s\S]*?)^```/gm)].map(([, , text = ""]) => text)
const [kind = "", wiring = "", entry = ""] = blocks

let server: MisbehavingServer
let folder: string
beforeAll(async () => {
  server = await MisbehavingServer.open()
  folder = await mkdtemp(join(tmpdir(), "adding-a-provider-"))
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

it("shows the kind that these tests run, and it imports only what a kind may", () => {
  const source = readFileSync(new URL("./abacus/abacus-http.ts", import.meta.url), "utf8")
    .replaceAll('"../../../../src/providers/ledger/', '"../')
    .replaceAll('"../../../../src/providers/', '"../../')
    .replaceAll('"../../../../src/', '"../../../')
  assert.strictEqual(kind, source)
  assert.deepStrictEqual(violations("providers/ledger/abacus/abacus-http.ts", kind), [])
})

it("shows the line of the wiring, with the new kind in it", () => {
  const app = readFileSync(new URL("../../../src/app.ts", import.meta.url), "utf8")
  assert.include(wiring, ", abacus]")
  assert.include(app, wiring.replace(", abacus]", "]"))
})

/** Uses the ledger of the page's settings, at the address of the test's server. */
const using = <A, E>(use: Effect.Effect<A, E, Ledger | LedgerBooks>, change: object = {}) =>
  Effect.gen(function* () {
    const file = join(folder, "providers.json")
    const nowhere = { url: "http://127.0.0.1:9" }
    const document = {
      version: "1",
      compliance: nowhere,
      ledger: { ...JSON.parse(entry), url: server.url, ...change },
      banks: [{ name: "north", kind: "instant", ...nowhere }],
      routes: [{ rule: "all", banks: ["north"] }],
    }
    yield* Effect.promise(() => writeFile(file, JSON.stringify(document)))
    const known = providerSettings({ PROVIDERS_FILE: file })
    const layers = Layer.provide(Layer.merge(ledgerLayer([abacus]), ledgerBooksLayer([abacus])), known)
    return yield* Effect.provide(use, layers)
  })

const posted = Effect.flatMap(Ledger, (ledger) =>
  ledger.post({
    key: "k-1",
    kind: "hold",
    partner: "acme",
    batch: batchId,
    lines: [{ item: 1, currency: "EUR", minor: 1_234n }],
  }),
)

it.live("is posted to as the settings say, and may refuse", () =>
  Effect.gen(function* () {
    server.behaviour = json(201, { entry: "e-1" })
    assert.strictEqual(yield* using(posted), "e-1")
    const asked = server.asked.at(-1)
    assert.deepStrictEqual([asked?.url, asked?.headers["idempotency-key"]], ["/payouts/entries", "k-1"])
    assert.deepInclude(JSON.parse(asked?.body ?? "{}"), {
      beads: [{ item: 1, currency: "EUR", minor: "1234" }],
    })
    server.behaviour = json(422, { why: "insufficient-funds" })
    const refused = yield* Effect.flip(using(posted))
    assert.deepInclude(refused, { _tag: "PostingRefused", code: "insufficient-funds" })
  }),
)

it.live("has books, and no settings but its own", () =>
  Effect.gen(function* () {
    const row = { entry: "e-1", kind: "hold", partner: "acme", batch: batchId }
    const beads = [{ item: 1, currency: "EUR", minor: "1234" }]
    const entries = [
      { ...row, beads, at: "2026-11-28T10:00:00Z" },
      { ...row, beads, at: "today" },
    ]
    server.behaviour = json(200, { entries })
    const lines: Array<LedgerLine> = []
    const problems: Array<string> = []
    yield* using(
      Effect.flatMap(LedgerBooks, (books) =>
        books.lines(
          (line) => lines.push(line),
          ({ place }) => problems.push(place),
        ),
      ),
    )
    assert.deepStrictEqual(
      lines.map(({ minor, bookedOn }) => [minor, bookedOn]),
      [[1_234n, "2026-11-28"]],
    )
    assert.deepStrictEqual(problems, ["entry e-1"])
    const unknown = yield* Effect.flip(using(posted, { shelve: "payouts" }))
    assert.include(unknown.message, "ledger.shelve")
  }),
)
