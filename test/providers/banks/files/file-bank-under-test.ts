/** A bank of files with a name and a folder of its own, its client, and what it wrote. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import type { TransferInstruction } from "../../../../src/providers/banks/bank.ts"
import { files } from "../../../../src/providers/banks/files/files.ts"
import { readInbox } from "../../../../src/providers/banks/files/inbox.ts"
import { layer as inboxInPostgres } from "../../../../src/providers/banks/files/inbox-files-postgres.ts"
import type { FileBank } from "../../../../src/providers/banks/files/outbox.ts"
import { layer as ordersInPostgres } from "../../../../src/providers/banks/orders/file-orders-postgres.ts"
import { layer as fileRecordsInPostgres } from "../../../../src/providers/banks/orders/file-records-postgres.ts"
import { layer as outboxInPostgres } from "../../../../src/providers/banks/orders/outbox-files-postgres.ts"
import { withdrawalInBoth } from "../../../../src/providers/banks/orders/withdrawal.ts"
import { policyOf } from "../../../../src/providers/calling/call-policy.ts"
import type { BankSettings } from "../../../../src/providers/calling/provider-settings.ts"
import { layer as decisionsInPostgres } from "../../../../src/register/decision-register-postgres.ts"
import { layer as fileLogOnRedis } from "../../../../src/streams/file-log-redis.ts"
import { loggingLayer } from "../../../../src/telemetry/logging.ts"
import { freshMetrics } from "../../../../src/telemetry/metrics.ts"
import type { OwnDatabase } from "../../../database.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { ownPrefix, settings } from "../../../settings.ts"
import { calmWatch } from "../../../streams/calm-watch.ts"
import { layer as streamsInMemory } from "../../../streams/streams-memory.ts"
import { fixedKeys } from "../../../vault/fixed-keys.ts"
import { type ConnectedDatabase, connectionsOn } from "./connected-database.ts"

export const canary = "DE89370400440532013000"

const debtor = { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } } as const

type Database = OwnDatabase | ConnectedDatabase

let banks = 0

export class FileBankUnderTest implements Disposable {
  readonly bank: FileBank
  readonly #database: Database
  /** Of its keys in Redis, where the log of files lies. */
  readonly prefix = ownPrefix()
  /** Files that the client took out of the outbox, by name. */
  readonly taken = new Map<string, string>()
  /** What was logged, line by line. */
  readonly lines: Array<string> = []
  /** The vault of the processes that start from now on. */
  keys = fixedKeys()

  /** The database may be that of other banks too. If it has connections, all processes share these. */
  constructor(database: Database, changes: Partial<FileBank> = {}) {
    this.#database = database
    const folder = mkdtempSync(join(tmpdir(), "bank-files-"))
    for (const room of ["outbox", "inbox", "archive", "quarantine"]) mkdirSync(join(folder, room))
    const name = `clearing-${++banks}`
    this.bank = { name, folder, debtor, everyMs: 1, ordersMax: 100, pollMs: 10, ...changes }
  }

  orderOf(item: number, changes: Partial<TransferInstruction> = {}): TransferInstruction {
    return {
      bank: this.bank.name,
      partner: "acme",
      reference: transferReference({ batch: batchId, item, attempt: 1 }),
      beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: canary } },
      currency: "EUR",
      minor: BigInt(item),
      ...changes,
    }
  }

  /** What a process has of its own: the tables' adapters, and connections unless the database has them. */
  get process() {
    const appConfig = settings({ DATABASE_URL: this.#database.url, STREAM_PREFIX: this.prefix })
    const database = this.#database
    const connections = "connections" in database ? database.connections : connectionsOn(database)
    const fileLog = Layer.fresh(fileLogOnRedis).pipe(
      Layer.provideMerge(connections),
      Layer.provide(appConfig),
    )
    return Layer.mergeAll(
      inboxInPostgres,
      outboxInPostgres,
      fileRecordsInPostgres,
      streamsInMemory,
      calmWatch,
      decisionsInPostgres,
    ).pipe(
      Layer.provideMerge(withdrawalInBoth.pipe(Layer.provide(ordersInPostgres))),
      Layer.provideMerge(Layer.mergeAll(this.keys, appConfig, freshMetrics, fileLog)),
      Layer.provideMerge(loggingLayer((line) => this.lines.push(line))),
      Layer.fresh,
    )
  }

  /** Runs in a process of its own: with connections of its own. */
  run<A, E>(effect: Effect.Effect<A, E, Layer.Success<FileBankUnderTest["process"]>>): Promise<A> {
    return Effect.runPromise(Effect.provide(effect, this.process))
  }

  /** The port of the bank, as pipelines have it. */
  get port() {
    const { name, ...own } = this.bank
    const entry: BankSettings = {
      name,
      kind: files.name,
      policy: policyOf({}, { timeoutMs: 1_000, concurrency: 8 }),
      own,
      place: { setting: "PROVIDERS_FILE", path: "banks[0]" },
    }
    return files.connect(entry)
  }

  list(room: string): ReadonlyArray<string> {
    return readdirSync(join(this.bank.folder, room)).sort()
  }

  read(room: string, name: string): string {
    return readFileSync(join(this.bank.folder, room, name), "utf8")
  }

  /** What the client does: takes every file that has a name. */
  carry(): void {
    for (const name of this.list("outbox").filter((name) => !name.startsWith("."))) {
      if (this.taken.has(name)) throw new Error(`${name} was released twice`)
      this.taken.set(name, this.read("outbox", name))
      rmSync(join(this.bank.folder, "outbox", name))
    }
  }

  /** The references of all that was taken, in the order of the files. */
  get ordered(): ReadonlyArray<string> {
    return [...this.taken.values()].flatMap(referencesIn)
  }

  /** Puts a file into the inbox as a careful client does. */
  deliver(name: string, content: string | Uint8Array): void {
    const draft = join(this.bank.folder, "inbox", `.${name}`)
    writeFileSync(draft, content)
    renameSync(draft, join(this.bank.folder, "inbox", name))
  }

  /** Two looks at the inbox: at the second one, what lies there has stopped growing. */
  get looks() {
    return Effect.flatMap(readInbox(this.bank, new Set()), (seen) => readInbox(this.bank, seen))
  }

  [Symbol.dispose](): void {
    rmSync(this.bank.folder, { recursive: true })
  }
}

export const referencesIn = (xml: string): ReadonlyArray<string> =>
  [...xml.matchAll(/<EndToEndId>([^<]*)</g)].map(([, reference = ""]) => reference)
