/**
 * Transactions that may lose their connection. What the driver (postgres 3.4.9) does then is wrong in two ways, which are known and not
 * mended (https://github.com/porsager/postgres/issues/1133, 1208, 1216):
 *
 *   a rollback    goes to the socket that is gone. That throws outside of any promise and ends the process, or what was written comes before
 *                 the first message of the next connection, which then never opens. So the driver does not hear that the function ended
 *                 once its connection is lost: it has nothing to roll back, and ends the transaction by itself.
 *   statements    that the function still sends go to whoever has the connection by then: into another transaction, or into none. So
 *                 the function gets an `sql` that refuses them.
 *
 * Remove both when the driver has it.
 */
import { setImmediate } from "node:timers/promises"
import { Result } from "effect"
import postgres, { type Sql, type TransactionSql } from "postgres"

/** How a transaction begins: as the database is set, or with these words behind `begin`. */
export type Mode =
  | "default"
  | "isolation level read committed"
  | "isolation level repeatable read read only"
  | "read only"

/** A code of ours: a statement was sent when its transaction had ended. */
const OVER = "TRANSACTION_OVER"

interface Life {
  /** The first failure of a statement that is no answer of the server: what goes on may find no connection. */
  failure?: unknown
  /** The function has ended, or the transaction. */
  isOver: boolean
  /** The connection is gone, and the driver knows. */
  isLost: boolean
}

/**
 * Runs a function in a transaction, which commits what it gives, and rolls back if it or one of its statements fails. Gives what the
 * function gives, and rejects with its failure; with that of a statement, or the driver's, if the connection is lost. If that happens
 * at the commit, nobody knows whether it was done. Statements that are still sent when the function has ended are refused.
 */
export const transaction = async <A>(
  sql: Sql,
  mode: Mode,
  run: (sql: TransactionSql) => PromiseLike<A>,
): Promise<A> => {
  const life: Life = { isOver: false, isLost: false }
  let result: Result.Result<A, unknown> | undefined
  try {
    await sql.begin(mode === "default" ? "" : mode, async (own) => {
      const ended = await outcome(() => run(guarded(own, life)))
      life.isOver = true
      if (life.failure !== undefined) await noticed()
      if (life.isLost) await new Promise<never>(() => {})
      result = ended
      if (Result.isFailure(ended)) throw ended.failure
    })
  } catch (error) {
    life.isOver = true
    life.isLost = result === undefined
    throw life.isLost ? (life.failure ?? error) : error
  }
  if (result === undefined) throw new Error("the driver committed what had not ended")
  return Result.getOrThrow(result)
}

const outcome = async <A>(run: () => PromiseLike<A>): Promise<Result.Result<A, unknown>> => {
  try {
    return Result.succeed(await run())
  } catch (error) {
    return Result.fail(error)
  }
}

/** The driver hears of an error first, and at the end of the same turn of the event loop that the socket is closed. */
export const noticed = async (): Promise<void> => {
  await setImmediate()
  await setImmediate()
}

/** Only what sends statements is guarded. Fragments and values are made as ever. */
const guarded = (sql: TransactionSql, life: Life): TransactionSql =>
  new Proxy(sql, {
    apply: (made, self, given) => watched(Reflect.apply(made, self, given), life),
    get: (made, name) => {
      const value: unknown = Reflect.get(made, name)
      if (name !== "unsafe" || typeof value !== "function") return value
      return (...given: ReadonlyArray<unknown>) => watched(Reflect.apply(value, made, given), life)
    },
  })

/** What the driver makes of a template. The types of the driver do not name how it is sent. */
interface Statement extends Promise<unknown> {
  handler: (statement: Statement) => void
  readonly reject: (error: unknown) => void
}

const isStatement = (made: unknown): made is Statement => made instanceof Promise && "handler" in made

const watched = (made: unknown, life: Life): unknown => {
  if (!isStatement(made)) return made
  const sendIt = made.handler
  made.handler = (statement) => {
    if (life.isOver || life.failure !== undefined) return statement.reject(life.failure ?? over())
    // `catch` and `then` of a statement send it.
    Promise.prototype.then.call(statement, undefined, (error: unknown) => {
      if (!(error instanceof postgres.PostgresError)) life.failure ??= error
    })
    sendIt(statement)
  }
  return made
}

const over = (): Error => Object.assign(new Error("the transaction is over"), { code: OVER })
