/** `service.json` in the data folder: where the service runs, for the commands that look for it. */
import { readFileSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Effect, Option, Schema, type Scope } from "effect"
import { openDataFolder, writePrivately } from "./data-folder.ts"

export const ServiceRecord = Schema.Struct({
  url: Schema.String,
  /** Where it tells whether it is ready. */
  operationsUrl: Schema.String,
  pid: Schema.Int,
  /** Given with the sandbox alone, where the key opens nothing but play money. */
  sandbox: Schema.optionalKey(
    Schema.Struct({
      partner: Schema.String,
      apiKey: Schema.String,
      compliance: Schema.String,
      ledger: Schema.String,
      /** Where each shows its books. */
      banks: Schema.Record(Schema.String, Schema.String),
      providersFile: Schema.optionalKey(Schema.String),
    }),
  ),
})
export type ServiceRecord = typeof ServiceRecord.Type
/** What a partner of the sandbox has to know. */
export type SandboxAccess = NonNullable<ServiceRecord["sandbox"]>

const decodeRecord = Schema.decodeUnknownOption(Schema.fromJsonString(ServiceRecord))

const READY_MS_MAX = 10_000

/** Writes the record, readable by its owner only; it is taken away when the scope closes, unless it is another's by then. */
export const announceService = (
  dataDir: string,
  record: ServiceRecord,
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      openDataFolder(dataDir)
      const draft = `${recordFile(dataDir)}.${record.pid}`
      writePrivately(draft, `${JSON.stringify(record)}\n`)
      renameSync(draft, recordFile(dataDir))
    }),
    () =>
      Effect.sync(() => {
        const found = readRecord(dataDir)
        if (Option.isSome(found) && found.value.pid === record.pid)
          rmSync(recordFile(dataDir), { force: true })
      }),
  )

/** The service that the record tells of, if it is ready. */
export const runningService = Effect.fn("runningService")(function* (
  dataDir: string,
): Effect.fn.Return<Option.Option<ServiceRecord>> {
  const record = readRecord(dataDir)
  return Option.isSome(record) && (yield* isReady(record.value.operationsUrl)) ? record : Option.none()
})

/** Whether a service answers there, at its operational routes, that it can work. */
export const isReady = (operationsUrl: string): Effect.Effect<boolean> =>
  Effect.tryPromise((interrupted) =>
    fetch(`${operationsUrl}/readyz`, {
      signal: AbortSignal.any([interrupted, AbortSignal.timeout(READY_MS_MAX)]),
    }),
  ).pipe(
    Effect.map(({ ok }) => ok),
    Effect.orElseSucceed(() => false),
  )

/** Where the record lies: the one place that tells the key of a local service, to its owner alone. */
export const recordFile = (dataDir: string): string => join(dataDir, "service.json")

/** None when nobody wrote one to the end. */
const readRecord = (dataDir: string): Option.Option<ServiceRecord> => {
  try {
    return decodeRecord(readFileSync(recordFile(dataDir), "utf8"))
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return Option.none()
    throw error
  }
}
