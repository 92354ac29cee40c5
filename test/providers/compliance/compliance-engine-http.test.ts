import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll } from "vitest"
import { cleanedAnswer } from "../../../src/domain/clearance-answers.ts"
import { ProviderChannels } from "../../../src/providers/calling/channel.ts"
import { ComplianceEngine } from "../../../src/providers/compliance/compliance-engine.ts"
import { clearance } from "../../../src/providers/compliance/compliance-engine-http.ts"
import { complianceEngineLayer } from "../../../src/providers/compliance/screening-kind.ts"
import { startSandbox } from "../../../src/sandbox/sandbox.ts"
import { batchId, payoutItem, visibleIban } from "../../domain/batch-story.ts"
import { providerSettings } from "../../settings.ts"
import { canary, json, MisbehavingServer, misdeeds, PATIENT_MS } from "../calling/misbehaving-server.ts"

let server: MisbehavingServer

beforeAll(async () => {
  server = await MisbehavingServer.open()
})
afterAll(() => server.close())

const named = (item: number, name: string) =>
  payoutItem(item, { beneficiary: { name, account: visibleIban(canary) } })

const screen = (url: string, items = [payoutItem(1), payoutItem(2)], timeoutMs = PATIENT_MS) =>
  Effect.gen(function* () {
    const engine = yield* ComplianceEngine
    return yield* engine.screen({ clearanceId: "c-1", partner: "acme", batch: batchId, items })
  }).pipe(
    Effect.provide(
      complianceEngineLayer([clearance]).pipe(
        Layer.provide(providerSettings({ COMPLIANCE_URL: url, PROVIDER_TIMEOUT_MS: String(timeoutMs) })),
      ),
    ),
  )

it.live("clears items, and tells those that were rejected or are under review", () =>
  Effect.gen(function* () {
    const sandbox = yield* Effect.acquireRelease(
      Effect.promise(() => startSandbox()),
      (sandbox) => Effect.promise(() => sandbox.close()),
    )
    const items = [named(4, "Ada Lovelace"), named(7, "Sam Sanctioned"), named(9, "Rita Review")]
    const clearance = yield* screen(sandbox.urls.compliance, items)
    assert.deepStrictEqual(clearance, {
      clearanceId: "c-1",
      listVersion: "sandbox-2026-11-01",
      decisions: [
        { item: 4, decision: "approved", payee: "unknown" },
        { item: 7, decision: "rejected", reason: "sanctions-list-hit", payee: "unknown" },
        { item: 9, decision: "review", reason: "name-similar-to-list-entry", payee: "unknown" },
      ],
    })
  }),
)

it.live("hears what is decided later and whose account it is, and tells where to call back", () =>
  Effect.gen(function* () {
    const decisions = [
      { item: 1, decision: "approved", payee: "close-match" },
      { item: 2, decision: "pending" },
    ]
    server.behaviour = json(200, { clearanceId: "c-1", listVersion: "v", decisions })
    const clearance = yield* screen(server.url)
    assert.deepStrictEqual<unknown>(clearance.decisions, decisions)
    const asked = server.asked.at(-1)
    const where = encodeURIComponent("http://127.0.0.1:8080/compliance-callbacks")
    assert.strictEqual(asked?.url, `/clearance?callbackUrl=${where}`)
    assert.notInclude(asked?.body, "callback", "it is the same question wherever it is asked")
  }),
)

it.live("counts a decision however its reason, its cause and the lists' version are spelt", () =>
  Effect.gen(function* () {
    const decisions = [
      { item: 1, decision: "review", reason: "Ähnlich wie Žižek".normalize("NFD"), cause: "Name Check" },
      {
        item: 2,
        decision: "rejected",
        reason: ` near\n an\u200b entry ${"x".repeat(900)}`,
        cause: "SANCTIONS",
      },
      { item: 3, decision: "approved", reason: "", cause: null },
      { item: 4, decision: "approved", reason: null },
    ]
    server.behaviour = json(200, {
      clearanceId: "c-1",
      listVersion: " März 2026".normalize("NFD"),
      decisions,
    })
    const clearance = yield* screen(
      server.url,
      [1, 2, 3, 4].map((item) => payoutItem(item)),
    )
    assert.strictEqual(clearance.listVersion, "März 2026")
    const cleaned = clearance.decisions.flatMap((answer) =>
      answer.decision === "pending" ? [] : [cleanedAnswer(answer)],
    )
    assert.deepStrictEqual<unknown>(cleaned, [
      { item: 1, decision: "review", reason: "Ähnlich wie Žižek", cause: "name-check" },
      { item: 2, decision: "rejected", reason: `near  an entry ${"x".repeat(184)}…`, cause: "sanctions" },
      { item: 3, decision: "approved" },
      { item: 4, decision: "approved" },
    ])
  }),
)

const approved = (...items: ReadonlyArray<number>) =>
  items.map((item) => ({ item, decision: "approved", reason: canary }))

it.live.each([
  { answer: "leaves an item out", decisions: approved(1) },
  { answer: "decides an item that was not asked about", decisions: approved(1, 2, 3) },
  { answer: "decides an item twice", decisions: approved(1, 2, 2) },
  { answer: "decides one item twice and leaves another out", decisions: approved(1, 1) },
  { answer: "decides nothing", decisions: [] },
  {
    answer: "takes a decision that nobody knows",
    decisions: [...approved(1), { item: 2, decision: "probably" }],
  },
  {
    answer: "says of a payee what nobody knows",
    decisions: [...approved(1), { item: 2, decision: "approved", payee: "his sister" }],
  },
  {
    answer: "decides an item and puts it off",
    decisions: [...approved(1, 2), { item: 2, decision: "pending" }],
  },
  { answer: "speaks of another clearance", clearanceId: "c-2", decisions: approved(1, 2) },
])("clears nothing when the answer $answer", ({ decisions, clearanceId = "c-1" }) =>
  Effect.gen(function* () {
    server.behaviour = json(200, { clearanceId, listVersion: "v", decisions })
    const error = yield* Effect.flip(screen(server.url))
    assert.strictEqual(error._tag, "ProviderUnavailable")
    assert.notInclude(JSON.stringify(error), canary)
  }),
)

it.live("counts an answer that decides something else among the engine's failures", () =>
  Effect.gen(function* () {
    server.behaviour = json(200, { clearanceId: "c-1", listVersion: "v", decisions: approved(1) })
    const { screen } = yield* ComplianceEngine
    const items = [payoutItem(1), payoutItem(2)]
    yield* Effect.flip(screen({ clearanceId: "c-1", partner: "acme", batch: batchId, items }))
    const [channel] = yield* (yield* ProviderChannels).reports
    assert.deepInclude(channel, { calls: 1, failures: 1 })
    assert.strictEqual(channel?.lastFailure?.kind, "nonsense")
  }).pipe(
    Effect.provide(
      Layer.suspend(() =>
        complianceEngineLayer([clearance]).pipe(
          Layer.provideMerge(providerSettings({ COMPLIANCE_URL: server.url })),
        ),
      ),
    ),
  ),
)

it.live.each(misdeeds)("clears nothing when the engine $does", ({ behaviour, problem, timeoutMs }) =>
  Effect.gen(function* () {
    server.behaviour = behaviour
    const error = yield* Effect.flip(screen(server.url, undefined, timeoutMs))
    assert.match(
      `${error._tag} ${JSON.stringify(error)}`,
      new RegExp(`ProviderUnavailable.*clearance: .*${problem}`),
    )
    assert.notInclude(JSON.stringify(error), canary)
  }),
)
