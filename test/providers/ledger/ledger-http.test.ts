import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll } from "vitest"
import { Ledger } from "../../../src/providers/ledger/ledger.ts"
import { postings } from "../../../src/providers/ledger/ledger-http.ts"
import { ledgerLayer } from "../../../src/providers/ledger/ledger-kind.ts"
import { startSandbox } from "../../../src/sandbox/sandbox.ts"
import { batchId } from "../../domain/batch-story.ts"
import { providerSettings } from "../../settings.ts"
import { canary, json, MisbehavingServer, misdeeds, PATIENT_MS } from "../calling/misbehaving-server.ts"

let server: MisbehavingServer

beforeAll(async () => {
  server = await MisbehavingServer.open()
})
afterAll(() => server.close())

const post = (url: string, key: string, kind: "hold" | "reverse" = "hold", timeoutMs = PATIENT_MS) =>
  Effect.gen(function* () {
    const ledger = yield* Ledger
    const lines = [{ item: 1, currency: "JPY", minor: 1_500n }]
    return yield* ledger.post({ key, kind, partner: "acme", batch: batchId, lines })
  }).pipe(
    Effect.provide(
      ledgerLayer([postings]).pipe(
        Layer.provide(providerSettings({ LEDGER_URL: url, PROVIDER_TIMEOUT_MS: String(timeoutMs) })),
      ),
    ),
  )

it.live("books once per key, and tells what the ledger refuses", () =>
  Effect.gen(function* () {
    const sandbox = yield* Effect.acquireRelease(
      Effect.promise(() => startSandbox()),
      (sandbox) => Effect.promise(() => sandbox.close()),
    )
    const { ledger } = sandbox.urls
    const postingId = yield* post(ledger, "k-1")
    assert.strictEqual(yield* post(ledger, "k-1"), postingId)
    const books = yield* Effect.promise(async () => (await fetch(`${ledger}/books?summary=true`)).text())
    assert.deepInclude(JSON.parse(books), { counts: { postings: 1 } })
    assert.include(books, `"held":"1500"`)
    const error = yield* Effect.flip(post(ledger, "k-2", "reverse"))
    assert.deepInclude(error, { _tag: "PostingRefused", key: "k-2", code: "illegal-transition" })
    const conflict = yield* Effect.flip(post(ledger, "k-1", "reverse"))
    assert.deepInclude(conflict, { _tag: "ProviderUnavailable", reason: "reverse: answered with status 409" })
  }),
)

it.live.each([
  ...misdeeds,
  {
    does: "refuses without a code",
    behaviour: json(422, { reason: canary }),
    problem: "not as agreed",
    timeoutMs: PATIENT_MS,
  },
  { does: "books without an id", behaviour: json(201, {}), problem: "not as agreed", timeoutMs: PATIENT_MS },
])("has booked nothing that we know of when the ledger $does", ({ behaviour, problem, timeoutMs }) =>
  Effect.gen(function* () {
    server.behaviour = behaviour
    const error = yield* Effect.flip(post(server.url, "k", "hold", timeoutMs))
    assert.match(
      `${error._tag} ${JSON.stringify(error)}`,
      new RegExp(`ProviderUnavailable.*hold: .*${problem}`),
    )
    assert.notInclude(JSON.stringify(error), canary)
  }),
)

it.live.each([
  ["words", "no money"],
  ["words with an account number", `no money for ${canary}`],
  ["an account number", canary],
])("is repeated under its key when the ledger gives %s for a code", ([_, code]) =>
  Effect.gen(function* () {
    server.behaviour = json(422, { code })
    const error = yield* Effect.flip(post(server.url, "k", "hold", PATIENT_MS))
    assert.strictEqual(error._tag, "ProviderUnavailable")
    assert.include(error.message, "not as agreed")
    assert.notInclude(JSON.stringify(error), canary)
    const keys = server.asked.map(({ headers }) => headers["idempotency-key"])
    assert.deepStrictEqual([...new Set(keys)], ["k"])
  }),
)
