/** The ledger kind `formance` against its twin, which is held to the published document where that lies beside the checkout. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import type { LedgerLine, UnusedPart } from "../../../src/providers/books.ts"
import { formance } from "../../../src/providers/ledger/formance/formance-ledger-http.ts"
import { Ledger, type LedgerPosting } from "../../../src/providers/ledger/ledger.ts"
import {
  LedgerBooks,
  type LedgerKind,
  ledgerBooksLayer,
  ledgerLayer,
} from "../../../src/providers/ledger/ledger-kind.ts"
import { type Sandbox, type SandboxOptions, startSandbox } from "../../../src/sandbox/sandbox.ts"
import { batchId } from "../../domain/batch-story.ts"
import { isPublishedDataThere, publishedFile } from "../../published-data.ts"
import { providerSettings } from "../../settings.ts"
import { PATIENT_MS } from "../calling/misbehaving-server.ts"

const nowhere = { url: "http://127.0.0.1:9" }

/** The twin, with what it is asked at its address. */
export class FormanceUnderTest {
  readonly #sandbox: Sandbox
  readonly url: string

  private constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox
    this.url = sandbox.urls.twins?.formance ?? ""
  }

  static async open(options: SandboxOptions = {}): Promise<FormanceUnderTest> {
    const documents = isPublishedDataThere ? publishedFile("openapi") : undefined
    return new FormanceUnderTest(await startSandbox({ documents, ...options, twins: ["formance"] }))
  }

  /** Asks the ledger as somebody else than the service would. */
  async ask(method: "GET" | "POST", path: string, body?: unknown) {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    })
    const text = await answer.text()
    return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) }
  }

  /** Balances by account and asset, without those that are zero. */
  async balances(): Promise<Readonly<Record<string, string>>> {
    const { accounts } = (await this.ask("GET", "/books?summary=true")).body
    return Object.fromEntries(
      accounts
        .filter(({ account, balance }: Account) => account !== "world" && balance !== "0")
        .map(({ account, asset, balance }: Account) => [`${account} ${asset}`, balance]),
    )
  }

  /** Breaches of the published document, by the service and by the twin; none where the document is missing. */
  async breaches(): Promise<ReadonlyArray<unknown>> {
    return isPublishedDataThere ? (await this.ask("GET", "/sandbox/breaches")).body.shown : []
  }

  close(): Promise<void> {
    return this.#sandbox.close()
  }
}

interface Account {
  readonly account: string
  readonly asset: string
  readonly balance: string
}

export const postingOf = (
  key: string,
  kind: LedgerPosting["kind"] = "hold",
  given: Partial<LedgerPosting> = {},
): LedgerPosting => ({
  key: `${given.batch ?? batchId}-L${key}-${given.partner ?? "acme"}`,
  kind,
  partner: "acme",
  batch: batchId,
  lines: [
    { item: 1, currency: "EUR", minor: 1_234n },
    { item: 2, currency: "JPY", minor: 100n },
  ],
  ...given,
})

/** A ledger of the kind at an address, as the settings name it. */
const withLedger = <A, E, R>(url: string, ledger: string, timeoutMs: number, use: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "formance-"))),
    (folder) =>
      Effect.gen(function* () {
        const file = join(folder, "providers.json")
        const document = {
          version: "test",
          compliance: nowhere,
          ledger: { kind: "formance", url, ledger },
          banks: [{ name: "north", kind: "instant", ...nowhere }],
          routes: [{ rule: "all", banks: ["north"] }],
        }
        yield* Effect.promise(() => writeFile(file, JSON.stringify(document)))
        const known = providerSettings({ PROVIDERS_FILE: file, PROVIDER_TIMEOUT_MS: String(timeoutMs) })
        return yield* Effect.provide(
          use,
          Layer.provide(Layer.merge(ledgerLayer(kinds), ledgerBooksLayer(kinds)), known),
        )
      }),
    (folder) => Effect.promise(() => rm(folder, { recursive: true })),
  )

const kinds: ReadonlyArray<LedgerKind> = [formance]

/** Books at a ledger of the kind; the ledger's id of the posting. */
export const post = (url: string, posting: LedgerPosting, ledger = "payouts", timeoutMs = PATIENT_MS) =>
  withLedger(
    url,
    ledger,
    timeoutMs,
    Effect.flatMap(Ledger, (service) => service.post(posting)),
  )

/** Reads the books to their end. */
export const readLines = (url: string, ledger = "payouts") =>
  withLedger(
    url,
    ledger,
    PATIENT_MS,
    Effect.gen(function* () {
      const lines: Array<LedgerLine> = []
      const unused: Array<UnusedPart> = []
      yield* (yield* LedgerBooks).lines(
        (line) => lines.push(line),
        (part) => unused.push(part),
      )
      return { lines, unused }
    }),
  )
