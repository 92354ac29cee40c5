/** `service.json` in the data folder, from which commands learn where the service runs. */
import { readFileSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Effect, Option, Schema, type Scope } from "effect"
import { openDataFolder, writePrivately } from "./data-folder.ts"

export const ServiceRecord = Schema.Struct({
  url: Schema.String,
  /** The URL of its operational routes, which show whether it is ready. */
  operationsUrl: Schema.String,
  pid: Schema.Int,
  /** With the sandbox only, where the key moves no real money. */
  sandbox: Schema.optionalKey(
    Schema.Struct({
      partner: Schema.String,
      apiKey: Schema.String,
      compliance: Schema.String,
      ledger: Schema.String,
      /** The URLs at which the banks show their books. */
      banks: Schema.Record(Schema.String, Schema.String),
      providersFile: Schema.optionalKey(Schema.String),
    }),
  ),
})
export type ServiceRecord = typeof ServiceRecord.Type
/** What a partner of the sandbox needs. */
export type SandboxAccess = NonNullable<ServiceRecord["sandbox"]>

const decodeRecord = Schema.decodeUnknownOption(Schema.fromJsonString(ServiceRecord))

const READY_MS_MAX = 10_000

/** Writes the record, readable by its owner only. Removes it when the scope closes, unless another process wrote its own. */
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

/** The service in the record, if it is ready. */
export const runningService = Effect.fn("runningService")(function* (
  dataDir: string,
): Effect.fn.Return<Option.Option<ServiceRecord>> {
  const record = readRecord(dataDir)
  return Option.isSome(record) && (yield* isReady(record.value.operationsUrl)) ? record : Option.none()
})

/** Whether a service at this URL of operational routes answers that it is ready. */
export const isReady = (operationsUrl: string): Effect.Effect<boolean> =>
  Effect.tryPromise((interrupted) =>
    fetch(`${operationsUrl}/readyz`, {
      signal: AbortSignal.any([interrupted, AbortSignal.timeout(READY_MS_MAX)]),
    }),
  ).pipe(
    Effect.map(({ ok }) => ok),
    Effect.orElseSucceed(() => false),
  )

/** The path of the record: the only place with the key of a local service, readable by its owner only. */
export const recordFile = (dataDir: string): string => join(dataDir, "service.json")

/** The record; none if the file is missing or incomplete. */
const readRecord = (dataDir: string): Option.Option<ServiceRecord> => {
  try {
    return decodeRecord(readFileSync(recordFile(dataDir), "utf8"))
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return Option.none()
    throw error
  }
}
