/** Where HTTP meets Effect: how a handler is run, who may call it, and how its failures are answered and logged. */
import type { HttpBindings } from "@hono/node-server"
import { Cause, Effect, Exit, Option } from "effect"
import type { Context } from "hono"
import { routePath } from "hono/route"
import type { Credential } from "../domain/credential.ts"
import type { PartnerId } from "../domain/identifiers.ts"
import type { Caller } from "../identity/caller.ts"
import { Credentials } from "../identity/credentials.ts"
import { Forbidden } from "./failures.ts"
import { type Failure, type Problem, problemOf, unexpectedProblem } from "./problems.ts"

export type EdgeEnv = { Bindings: HttpBindings }
export type EdgeContext = Context<EdgeEnv>

export type EdgeHandler = (c: EdgeContext) => Promise<Response>

/** Turns handlers that are effects into Hono's. */
export interface Edge<R> {
  /** For anyone. */
  readonly open: (handler: (c: EdgeContext) => Effect.Effect<Response, Failure, R>) => EdgeHandler
  /** For the partner whose API key the request carries. */
  readonly partner: (
    handler: (
      c: EdgeContext,
      partner: PartnerId,
      credential: Credential,
    ) => Effect.Effect<Response, Failure, R>,
  ) => EdgeHandler
  /** For partners and operators. */
  readonly caller: (
    handler: (c: EdgeContext, caller: Caller) => Effect.Effect<Response, Failure, R>,
  ) => EdgeHandler
}

/**
 * Captures the services once; each request runs in them. A client that goes away interrupts what it only reads; what it
 * asked to be done is done.
 */
export const makeEdge = Effect.fnUntraced(function* <R>() {
  const run = Effect.runPromiseExitWith(yield* Effect.context<R>())
  const { callerOf } = yield* Credentials
  const open: Edge<R>["open"] = (handler) => async (c) => {
    const exit = await run(
      Effect.catchCause(handler(c), (cause) => answer(c, cause)),
      c.req.method === "GET" ? { signal: c.req.raw.signal } : {},
    )
    return Exit.isSuccess(exit) ? exit.value : nobodyListens()
  }
  const caller: Edge<R>["caller"] = (handler) =>
    open((c) => Effect.flatMap(callerOf(c.req.header("authorization")), (caller) => handler(c, caller)))
  const edge: Edge<R> = {
    open,
    caller,
    partner: (handler) =>
      caller(
        (c, caller): Effect.Effect<Response, Failure, R> =>
          caller.kind === "partner" ? handler(c, caller.partner, caller.credential) : forPartners,
      ),
  }
  return edge
})

const forPartners = Effect.fail(new Forbidden({ detail: "It takes a partner's key." }))

/** Only an interruption ends a request without an answer. Hono wants one all the same. */
const nobodyListens = (): Response => new Response(null, { status: 499 })

/** Answers what a handler ended with, and logs it under the id that the answer carries. */
const answer = (c: EdgeContext, cause: Cause.Cause<Failure>): Effect.Effect<Response> => {
  const failure = Cause.findErrorOption(cause)
  const problem = Option.match(failure, { onNone: unexpectedProblem, onSome: problemOf })
  const tag = Option.match(failure, { onNone: () => "Defect", onSome: ({ _tag }) => _tag })
  return Effect.as(
    log(problem, cause).pipe(
      Effect.annotateLogs({
        instance: problem.instance,
        status: problem.status,
        problem: problem.type,
        failure: tag,
        method: c.req.method,
        route: routePath(c, -1),
      }),
    ),
    problem.response,
  )
}

/** What the caller did wrong is no trouble of ours; what we cannot explain comes with its cause. */
const log = ({ status }: Problem, cause: Cause.Cause<Failure>): Effect.Effect<void> => {
  if (status < 500) return Effect.logInfo("request refused")
  if (status === 503) return Effect.logWarning("request put off", cause)
  return Effect.logError("request failed", cause)
}
