/** The pipelines between a real sandbox and a real Postgres, and batches to perform their calls for. */
import { randomUUID } from "node:crypto"
import { Effect, Layer } from "effect"
import type { Batch } from "../../src/domain/batch.ts"
import { visibleOf } from "../../src/domain/beneficiary.ts"
import type { BatchCommand } from "../../src/domain/commands.ts"
import { BatchId, transferReference } from "../../src/domain/identifiers.ts"
import type { Call } from "../../src/pipelines/call.ts"
import { Pipelines } from "../../src/pipelines/pipelines.ts"
import { type CrashPoint, CrashPoints } from "../../src/platform/crash-point.ts"
import { Banks } from "../../src/providers/banks/bank.ts"
import { banksLayer } from "../../src/providers/banks/banks.ts"
import { instant } from "../../src/providers/banks/instant/instant.ts"
import { ProviderSettings } from "../../src/providers/calling/provider-settings.ts"
import { clearance } from "../../src/providers/compliance/compliance-engine-http.ts"
import { complianceEngineLayer } from "../../src/providers/compliance/screening-kind.ts"
import { postings } from "../../src/providers/ledger/ledger-http.ts"
import { ledgerLayer } from "../../src/providers/ledger/ledger-kind.ts"
import { layer as instructionRegister } from "../../src/register/instruction-register-postgres.ts"
import { type SandboxUrls, startSandbox } from "../../src/sandbox/sandbox.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { payoutItem, Story } from "../domain/batch-story.ts"
import { channels, settings } from "../settings.ts"
import { fixedKeys, sealsOf } from "../vault/fixed-keys.ts"

export interface Outside {
  readonly urls: SandboxUrls
  readonly databaseUrl: string
  close(): Promise<void>
}

/** The world that the pipelines call: play money, and a database of the test file's own. */
export const openOutside = async (): Promise<Outside> => {
  const [sandbox, database] = await Promise.all([startSandbox({ slowMs: 60_000 }), ownDatabase()])
  const close = async () => {
    await sandbox.close()
    await database.drop()
  }
  return { urls: sandbox.urls, databaseUrl: database.url, close }
}

export const INQUIRY_DELAY_MS = 700

/** The crash points that were passed, in order. */
export const passed: Array<CrashPoint> = []

export const pipelinesOn = ({ urls, databaseUrl }: Outside, environment = {}, keys = fixedKeys()) =>
  Layer.fresh(Pipelines.layer).pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        banksLayer([instant]),
        complianceEngineLayer([clearance]),
        instructionRegister,
        ledgerLayer([postings]),
        keys,
      ).pipe(Layer.fresh),
    ),
    Layer.provide([Layer.fresh(ProviderSettings.layer), channels]),
    Layer.provideMerge(Layer.fresh(databaseLayer)),
    Layer.provide(Layer.succeed(CrashPoints, (point) => Effect.sync(() => void passed.push(point)))),
    Layer.provide(
      settings({
        DATABASE_URL: databaseUrl,
        COMPLIANCE_URL: urls.compliance,
        LEDGER_URL: urls.ledger,
        BANKS: `north=${urls.banks.north},south=${urls.banks.south}`,
        PROVIDER_TIMEOUT_MS: "15000",
        INQUIRY_DELAYS_MS: `${INQUIRY_DELAY_MS}`,
        ...environment,
      }),
    ),
  )

/** Where the payouts of {@link Payouts} go. */
export const openIban = { scheme: "iban", iban: "DE89370400440532013000" } as const

/** A batch with an id of its own that pays people with the given names at the bank `north`. */
export class Payouts extends Story {
  readonly id = BatchId.make(
    `pb_${randomUUID().replaceAll("-", "").slice(0, 22).replace(/[01]/g, "a").replace(/[89]/g, "b")}`,
  )

  constructor(...names: ReadonlyArray<string>) {
    super()
    const [first, ...others] = names.map((name, index) =>
      payoutItem(index + 1, { beneficiary: { name, account: visibleOf(openIban) } }),
    )
    if (first === undefined) throw new Error("a batch pays somebody")
    const items = [first, ...others] as const
    const seals = sealsOf({ partner: "acme", batch: this.id }, items, openIban)
    this.asked(names.length, { idempotencyKey: this.id, items, seals })
  }

  get numbers(): Call["items"] {
    const [first = 1, ...others] = this.batch.items.keys()
    return [first, ...others]
  }

  reference(item: number): string {
    return transferReference({ batch: this.id, item, attempt: 1 })
  }

  /** All items are screened and held, and their transfers are intended. */
  intended(): this {
    this.answered(this.numbers, "approved")
    this.tell({ _tag: "StartExecution" })
    this.posted("hold")
    for (const item of this.numbers) {
      const intent = { item, attempt: 1, bank: "north", reference: this.reference(item) }
      this.tell({ _tag: "RequestTransfers", transfers: [intent] })
    }
    return this
  }
}

/** Performs a call to its end, and gives what it had to say. */
export const perform = Effect.fnUntraced(function* (
  { id, batch }: { readonly id: BatchId; readonly batch: Batch },
  call: Call,
  mayCall: Effect.Effect<boolean> = Effect.succeed(true),
  takePlace: (item: number) => boolean = () => false,
) {
  const pipelines = yield* Pipelines
  const told: Array<BatchCommand> = []
  yield* pipelines.perform(
    id,
    batch,
    call,
    { head: "head", answered: new Set(), mayCall: () => mayCall, takePlace },
    (command) => told.push(command),
  )
  return told
})

/** What was learnt of transfers: the outcome by item. */
export const outcomes = (commands: ReadonlyArray<BatchCommand>) =>
  new Map(
    commands.map((command) => {
      if (command._tag !== "RecordTransfer") throw new Error(`${command._tag} is not of a transfer`)
      return [command.item, command.outcome] as const
    }),
  )

/** The references that a bank has in its books, with how often each was paid. */
export const booksOf = async (bank: string): Promise<ReadonlyMap<string, number>> => {
  const response = await fetch(`${bank}/books`)
  const { transfers } = (await response.json()) as {
    readonly transfers: ReadonlyArray<{ readonly reference: string; readonly payments: number }>
  }
  return new Map(transfers.map(({ reference, payments }) => [reference, payments]))
}

/** Asks a bank until it has a final word. */
export const finalWord = Effect.fnUntraced(function* (reference: string) {
  const banks = yield* Banks
  while (true) {
    const answer = yield* banks.inquire("north", reference)
    if (answer._tag !== "Accepted" && answer._tag !== "Ambiguous") return answer
    yield* Effect.sleep(10)
  }
})
