import { Effect, Layer } from "effect"
import { type BatchId, type TransferKey, transferReference } from "../domain/identifiers.ts"
import { Postgres, type PostgresUnavailable } from "../platform/postgres.ts"
import { InstructionRegister } from "./instruction-register.ts"
import { ProviderUnavailable } from "./provider-error.ts"

/**
 * `create table if not exists` can fail when two processes start at once, hence the lock. Sent as one simple query,
 * both statements are one transaction, and the lock ends with it.
 */
const migration = `
  select pg_advisory_xact_lock(hashtext('atlaspay.instruction_register'));
  create table if not exists instruction_register (
    batch text not null,
    item int not null,
    attempt int not null,
    bank text not null,
    reference text not null,
    recorded_at timestamptz not null default now(),
    primary key (batch, item, attempt)
  )`

interface RecordedRow {
  readonly batch: BatchId
  readonly item: number
  readonly attempt: number
}

/** The register as a table of its own in Postgres, which is created when it is not there. */
export const layer = Layer.effect(
  InstructionRegister,
  Effect.gen(function* () {
    const postgres = yield* Postgres
    yield* postgres.query("create the instruction register", (sql) => sql.unsafe(migration))
    return {
      record: Effect.fn("InstructionRegister.record")(function* (attempts) {
        if (attempts.length === 0) return []
        // Rows in one order for all, or two writers of the same attempts could wait for each other.
        const recorded = yield* postgres.query(
          "record",
          (sql) => sql<Array<RecordedRow>>`
            insert into instruction_register (batch, item, attempt, bank, reference)
            select * from unnest(
              ${attempts.map(({ batch }) => batch)}::text[],
              ${attempts.map(({ item }) => item)}::int[],
              ${attempts.map(({ attempt }) => attempt)}::int[],
              ${attempts.map(({ bank }) => bank)}::text[],
              ${attempts.map(({ reference }) => reference)}::text[]
            ) as attempts (batch, item, attempt, bank, reference)
            order by batch, item, attempt
            on conflict do nothing
            returning batch, item, attempt`,
        )
        return without(attempts, recorded)
      }, Effect.mapError(asProvider)),
    }
  }),
)

const without = (
  attempts: ReadonlyArray<TransferKey>,
  recorded: ReadonlyArray<TransferKey>,
): ReadonlyArray<TransferKey> => {
  const fresh = new Set(recorded.map(transferReference))
  return attempts
    .filter((attempt) => !fresh.has(transferReference(attempt)))
    .map(({ batch, item, attempt }) => ({ batch, item, attempt }))
}

const asProvider = ({ step, code }: PostgresUnavailable): ProviderUnavailable =>
  new ProviderUnavailable({ provider: "instruction-register", reason: `${step}: ${code}` })
