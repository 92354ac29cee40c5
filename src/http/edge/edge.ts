/** Connects HTTP with Effect: runs handlers, checks who may call them, and answers and logs their failures. */
import type { ServerResponse } from "node:http"
import type { HttpBindings } from "@hono/node-server"
import { Cause, Clock, Effect, Exit, Option, type Context as Services } from "effect"
import type { Context } from "hono"
import { routePath } from "hono/route"
import { AppConfig } from "../../config.ts"
import type { Credential } from "../../domain/credential.ts"
import type { PartnerId } from "../../domain/identifiers.ts"
import type { Access, OperatorAct, Scope } from "../../identity/access.ts"
import type { Administrator } from "../../identity/audit-trail.ts"
import { administratorOf, type Caller, lackOf, ownerOf } from "../../identity/caller.ts"
import { Credentials } from "../../identity/credentials.ts"
import { clientAddress, networksOf } from "../../identity/networks.ts"
import { LeaseCount } from "../../platform/lease-count.ts"
import { vouchFor } from "./connections.ts"
import { Forbidden, TooManyRequests } from "./failures.ts"
import { FairRoom } from "./fair-room.ts"
import type { Problem } from "./problem-details.ts"
import { type Failure, problemOf, unexpectedProblem } from "./problems.ts"
import { limitHeader, QUOTA_WINDOW_MS, type Quota, RequestQuotas } from "./request-quota.ts"
import { TokenBuckets } from "./token-buckets.ts"
import { traceIn } from "./trace-parent.ts"

export type EdgeEnv = { Bindings: HttpBindings }
export type EdgeContext = Context<EdgeEnv>

export type EdgeHandler = (c: EdgeContext) => Promise<Response>

/** The part of Hono's context that a request has as well which is answered without Hono. Names of headers are in lower case. */
export interface Call {
  readonly req: {
    readonly method: string
    readonly path: string
    header(name: string): string | undefined
    param(name: string): string | undefined
  }
  readonly env: Pick<HttpBindings, "incoming" | "outgoing">
}

/** How many requests that only read may be under way at a time; each of them queries the stores. */
const READS_MAX = 2_048

/**
 * Turns handlers that are effects into Hono's. Each route declares what it needs of the caller's key. That is checked after the
 * caller is authenticated, and before anything of the request's body is read.
 */
export interface Edge<R> {
  /** For all callers. */
  readonly open: (handler: (c: EdgeContext) => Effect.Effect<Response, Failure, R>) => EdgeHandler
  /** Like `open`, without Hono, for a route that it names as Hono does. */
  readonly direct: (
    route: string,
    handler: (call: Call) => Effect.Effect<Response, Failure, R>,
  ) => (call: Call) => Promise<Response>
  /** For the partner whose API key the request carries, if the key has the scope. */
  readonly partner: (
    scope: Scope,
    handler: (
      c: EdgeContext,
      partner: PartnerId,
      credential: Credential,
      address: string | undefined,
    ) => Effect.Effect<Response, Failure, R>,
  ) => EdgeHandler
  /** The same, at the limited rate of acts. */
  readonly partnerAct: Edge<R>["partner"]
  /** For partners and operators whose keys permit it. The address is that of the caller, if it is known. */
  readonly caller: (
    access: Access,
    handler: (
      c: EdgeContext,
      caller: Caller,
      address: string | undefined,
    ) => Effect.Effect<Response, Failure, R>,
  ) => EdgeHandler
  /** For partners and operators, at a limited rate: each act reads stores, and may add to a log that is kept. */
  readonly act: Edge<R>["caller"]
  /** For operators who administer the service, at the same limited rate. */
  readonly operator: (
    act: OperatorAct,
    handler: (c: EdgeContext, by: Administrator) => Effect.Effect<Response, Failure, R>,
  ) => EdgeHandler
}

/** The doors for everybody. They capture the services once, and run each request in them. */
const openDoors = <R>(context: Services.Context<R>): Pick<Edge<R>, "direct" | "open"> => {
  const run = Effect.runPromiseExitWith(context)
  return {
    open: (handler) => async (c) => {
      const handled = Effect.catchCause(handler(c), (cause) => answer(c, routePath(c, -1), cause))
      const trace = traceIn(c.req.header("traceparent"))
      const exit = await run(
        trace === undefined ? handled : Effect.annotateLogs(handled, { traceId: trace.id }),
        isRead(c) ? { signal: c.req.raw.signal } : {},
      )
      return Exit.isSuccess(exit) ? exit.value : nobodyListens()
    },
    direct: (route, handler) => async (call) => {
      // What a handler throws is a defect here too: nobody else would answer it.
      const handled = Effect.suspend(() => handler(call))
      const exit = await run(Effect.catchCause(handled, (cause) => answer(call, route, cause)))
      return Exit.isSuccess(exit) ? exit.value : nobodyListens()
    },
  }
}

/**
 * An edge for routes that ask nobody for a key, so it needs nobody who knows keys: a process without the API has one. A route
 * for others that gets there is a defect.
 */
export const makeOpenEdge = Effect.fnUntraced(function* <R>() {
  const doors = openDoors(yield* Effect.context<R>())
  const closed = () =>
    doors.open(() => Effect.die(new Error("a route that asks for a key, where nobody knows keys")))
  return {
    ...doors,
    caller: closed,
    partner: closed,
    partnerAct: closed,
    act: closed,
    operator: closed,
  } satisfies Edge<R> as Edge<R>
})

/**
 * Captures the services once, and runs each request in them. If a client disconnects, its reads are interrupted; its
 * writes are completed.
 */
export const makeEdge = Effect.fnUntraced(function* <R>() {
  const context = yield* Effect.context<R>()
  const { open, direct } = openDoors(context)
  const { callerOf } = yield* Credentials
  const { actsPerSecond, requestsPerSecond, trustedProxies } = (yield* AppConfig).http
  const reads = new FairRoom(READS_MAX)
  const acts = new TokenBuckets(actsPerSecond)
  const lease = yield* LeaseCount
  const runLease = Effect.runPromiseWith(context)
  const quotas = new RequestQuotas((requestsPerSecond * QUOTA_WINDOW_MS) / 1_000, (name, amount) =>
    runLease(
      Effect.catchCause(lease(`quota:${name}`, amount, 2 * QUOTA_WINDOW_MS), (cause) =>
        Effect.as(Effect.logError("request quotas not shared", cause), undefined),
      ),
    ),
  )
  const trusted = networksOf(trustedProxies)
  const addressOf = (c: EdgeContext): string | undefined =>
    clientAddress(c.env.incoming.socket.remoteAddress, c.req.header("x-forwarded-for"), trusted)
  const caller: Edge<R>["caller"] = (access, handler) =>
    open((c) => {
      // At once: the socket of a client that hangs up forgets its address.
      const address = addressOf(c)
      return Effect.flatMap(callerOf(c.req.header("authorization"), address), (caller) => {
        vouchFor(c.env.incoming.socket)
        const handled = Effect.suspend((): Effect.Effect<Response, Failure, R> => {
          const lack = lackOf(caller, access)
          if (lack !== undefined) return Effect.fail(new Forbidden(lack))
          const answered = handler(c, caller, address)
          return isRead(c) ? sharing(reads, ownerOf(caller), c.env, answered) : answered
        })
        return within(quotas, caller.credential, c.env.outgoing, handled)
      })
    })
  const act: Edge<R>["act"] = (access, handler) =>
    caller(access, (c, caller, address) =>
      Effect.andThen(
        metered(acts, ownerOf(caller)),
        Effect.suspend(() => handler(c, caller, address)),
      ),
    )
  const forPartner =
    (callers: Edge<R>["caller"]): Edge<R>["partner"] =>
    (scope, handler) =>
      callers(
        { partner: scope },
        (c, caller, address): Effect.Effect<Response, Failure, R> =>
          caller.kind === "partner" ? handler(c, caller.partner, caller.credential, address) : forPartners,
      )
  const operator: Edge<R>["operator"] = (operator, handler) =>
    act({ operator }, (c, caller, address) => handler(c, administratorOf(caller, address)))
  const [partner, partnerAct] = [forPartner(caller), forPartner(act)]
  return { open, direct, caller, partner, partnerAct, act, operator } satisfies Edge<R> as Edge<R>
})

/** HEAD costs as much as GET. */
const isRead = (c: EdgeContext): boolean => c.req.method === "GET" || c.req.method === "HEAD"

/** The access of these routes has no part for operators, so none gets there. */
const forPartners = Effect.die(new Error("an operator got through to a route for partners"))

const metered = Effect.fnUntraced(function* (acts: TokenBuckets, owner: string) {
  const retryAfterSeconds = acts.take(owner, yield* Clock.currentTimeMillis)
  if (retryAfterSeconds > 0) return yield* new TooManyRequests({ what: "acts", retryAfterSeconds })
})

/** Runs what a key asks for within its quota, and says in the answer how much of it is left. */
const within = <E, R>(
  quotas: RequestQuotas,
  key: string,
  outgoing: ServerResponse,
  handled: Effect.Effect<Response, E, R>,
): Effect.Effect<Response, E | TooManyRequests, R> => {
  const spend = (quota: Quota): Effect.Effect<Response, E | TooManyRequests, R> => {
    outgoing.setHeader("ratelimit-policy", quotas.policy)
    outgoing.setHeader("ratelimit", limitHeader(quota))
    return quota.isWithin
      ? handled
      : new TooManyRequests({ what: "requests", retryAfterSeconds: quota.resetSeconds })
  }
  return Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const quota = quotas.take(key, now)
    return quota instanceof Promise
      ? Effect.flatMap(
          Effect.promise(() => quota),
          spend,
        )
      : spend(quota)
  })
}

/**
 * Limits concurrent reads, fairly between partners. A read counts until its answer was sent, because an answer that the
 * client does not take stays in memory. Writes are limited by their bodies.
 */
const sharing = <A, E, R>(
  reads: FairRoom,
  owner: string,
  { outgoing }: HttpBindings,
  read: Effect.Effect<A, E, R>,
): Effect.Effect<A, E | TooManyRequests, R> =>
  Effect.suspend((): Effect.Effect<A, E | TooManyRequests, R> => {
    if (!reads.admits(owner, 1))
      return new TooManyRequests({ what: "concurrent requests", retryAfterSeconds: 1 })
    reads.take(owner, 1)
    const giveBack = () => reads.giveBack(owner, 1)
    if (outgoing.closed) giveBack()
    else outgoing.once("close", giveBack)
    return read
  })

/** Only an interruption ends a request without an answer, but Hono needs one. */
const nobodyListens = (): Response => new Response(null, { status: 499 })

/** Answers a handler's failure with a problem, and logs it under the id in the answer. */
const answer = (call: Call, route: string, cause: Cause.Cause<Failure>): Effect.Effect<Response> => {
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
        method: call.req.method,
        route,
      }),
    ),
    problem.response,
  )
}

/** Mistakes of the caller are logged as information; our own failures are logged with their cause. */
const log = ({ status }: Problem, cause: Cause.Cause<Failure>): Effect.Effect<void> => {
  if (status < 500) return Effect.logInfo("request refused")
  if (status === 503) return Effect.logWarning("request refused for now", cause)
  return Effect.logError("request failed", cause)
}
