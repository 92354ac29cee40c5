/** Drafts in the database of the settings, and a partner who works on one. */
import { Effect, Layer } from "effect"
import { Drafts } from "../../../src/drafts/drafts.ts"
import { layer as draftsInPostgres } from "../../../src/drafts/drafts-postgres.ts"
import { RedisConnections } from "../../../src/platform/redis.ts"
import { EventStore } from "../../../src/streams/event-store.ts"
import { databaseLayer } from "../../database.ts"
import { layer as streamsOnRedis } from "../../streams/streams-under-test.ts"
import { type Answer, type ApiUnderTest, acme } from "../api-under-test.ts"

export const draftsLayer = draftsInPostgres.pipe(Layer.provide(databaseLayer))

export interface Asked {
  readonly version?: number | string
  readonly key?: string
  readonly body?: unknown
  readonly type?: string
  readonly apiKey?: string
}

/** Calls the API about drafts; `path` begins behind `/payout-batch-drafts`. */
export const callDraft = (
  api: ApiUnderTest,
  method: string,
  path: string,
  { version, key, body, type = "application/json", apiKey = acme }: Asked = {},
): Promise<Answer> =>
  api.call(`/payout-batch-drafts${path}`, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(version === undefined
        ? {}
        : { "if-match": typeof version === "number" ? `"${version}"` : version }),
      ...(key === undefined ? {} : { "idempotency-key": key }),
      ...(body === undefined ? {} : { "content-type": type }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  })

/** A new draft with items, added in one page each; gives its path and its version. */
export const draftWith = async (
  api: ApiUnderTest,
  pages: ReadonlyArray<ReadonlyArray<unknown>>,
  terms: Readonly<Record<string, unknown>> = {},
  apiKey = acme,
): Promise<{ readonly path: string; readonly id: string; readonly version: number }> => {
  const { json } = await callDraft(api, "POST", "", { body: terms, apiKey })
  const path = `/${json.id}`
  for (const [index, items] of pages.entries()) {
    const key = `page ${index + 1}`
    const { status, text } = await callDraft(api, "POST", `${path}/items`, {
      version: index + 1,
      key,
      body: { items },
      apiKey,
    })
    if (status !== 201) throw new Error(text)
  }
  return { path, id: String(json.id), version: pages.length + 1 }
}

/** What happens at a step of a request. What throws ends the request there, as if its process had died: nothing is cleaned up. */
type Hook = () => Promise<unknown> | unknown
type DraftStep = "addPage" | "beginSubmission" | "endSubmission" | "items" | "submitted"

/** Drafts and a log at whose steps a test intervenes. */
export class Steps {
  before: Partial<Record<DraftStep | "open", Hook>> = {}
  after: Partial<Record<DraftStep | "open", Hook>> = {}
  /** Until when each batch might be opened that was opened, or tried to be. */
  readonly openBy: Array<number | undefined> = []
  /** In place of the time that a submission gives itself. */
  openByInstead: number | undefined

  clear(): void {
    this.before = {}
    this.after = {}
    this.openByInstead = undefined
  }

  readonly drafts = Layer.effect(
    Drafts,
    Effect.map(Drafts, (real) =>
      Drafts.of({
        ...real,
        addPage: (...asked) => this.#around("addPage", real.addPage(...asked)),
        beginSubmission: (...asked) => this.#around("beginSubmission", real.beginSubmission(...asked)),
        endSubmission: (...asked) => this.#around("endSubmission", real.endSubmission(...asked)),
        items: (...asked) => this.#around("items", real.items(...asked)),
        submitted: (...asked) => this.#around("submitted", real.submitted(...asked)),
      }),
    ),
  ).pipe(Layer.provide(draftsLayer))

  readonly streams = Layer.effect(
    EventStore,
    Effect.map(EventStore, (real) =>
      EventStore.of({
        ...real,
        prepare: (...asked) =>
          Effect.map(real.prepare(...asked), (step) => (openBy) => {
            this.openBy.push(openBy)
            return this.#around("open", step(this.openByInstead ?? openBy))
          }),
      }),
    ),
  ).pipe(Layer.provideMerge(streamsOnRedis.pipe(Layer.provide(RedisConnections.layer))))

  #around<A, E, R>(step: DraftStep | "open", real: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const at = (hooks: Steps["before"]) => Effect.promise(async () => hooks[step]?.())
    return Effect.andThen(
      Effect.suspend(() => at(this.before)),
      Effect.tap(real, () => Effect.suspend(() => at(this.after))),
    )
  }
}

/** Ends a request where it is. */
export const die = () => {
  throw new Error("died")
}
