import { randomUUID } from "node:crypto"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  awaitEarly,
  type CallbackRetry,
  CallbackSender,
  CallbackUrl,
  type OwedCallback,
} from "./callbacks.ts"
import {
  answerTo,
  Clearance,
  type ClearanceAnswer,
  ComplianceBooks,
  type ComplianceEntry,
  nameOf,
  type Undecided,
} from "./compliance-books.ts"
import { openJournal } from "./journal.ts"
import { Afterthought, type Decision, Lists } from "./screening-lists.ts"
import {
  createApp,
  readJson,
  readKeyed,
  readPage,
  refusal,
  refuseWhenFull,
  type SandboxServer,
} from "./server.ts"
import type { WeatherStation } from "./weather-station.ts"

export interface ComplianceOptions {
  readonly station: WeatherStation
  readonly journalFile: string | undefined
  readonly secret: string
  readonly callbackRetry: CallbackRetry
  /** From the answer "pending" to the decision. */
  readonly decisionDelayMs: number
}

const decodeClearance = Schema.decodeUnknownResult(Clearance)
const decodeChange = Schema.decodeUnknownResult(
  Schema.Struct({ ...Lists.fields, announceTo: Schema.optionalKey(CallbackUrl) }),
)
const decodeAfterthought = Schema.decodeUnknownResult(Afterthought)

/** The decoded body; 400 if it is not as agreed. */
const decoded = <A>(body: Result.Result<A, Schema.SchemaError>): A => {
  if (Result.isFailure(body)) throw refusal(400, { code: "malformed", message: body.failure.message })
  return body.success
}

/** The callback URL may be in the query: then it is not part of the request that the key identifies. */
const withCallback = (callbackUrl: string | undefined) => (json: unknown) =>
  decodeClearance(callbackUrl === undefined ? json : { ...Object(json), callbackUrl })

/**
 * The compliance engine: screens the items of a batch against a list with only the magic beneficiaries, until it gets other
 * lists. It changes decisions when a request makes it. Items that need time are decided later and reported by callback. The
 * journal keeps what is still undecided.
 */
export const complianceEngine = (options: ComplianceOptions): SandboxServer => {
  const { station, journalFile, secret, callbackRetry, decisionDelayMs } = options
  const app = createApp()
  const books = new ComplianceBooks()
  const journal = openJournal<ComplianceEntry>(journalFile, (entry) => books.apply(entry))
  const sender = new CallbackSender(secret, callbackRetry, () => station.clockSkewMs)
  const timers = new Set<NodeJS.Timeout>()
  const later = new Set<NodeJS.Timeout>()
  /** Items whose decision the engine has changed, or may still change. */
  const rethought = new Set<string>()

  const record = (entry: ComplianceEntry): readonly OwedCallback[] => {
    journal.append(entry)
    return books.apply(entry)
  }

  const follow = (undecided: Undecided): void => {
    const dueInMs = Math.max(0, Date.parse(undecided.at) + decisionDelayMs - Date.now())
    const timer = setTimeout(() => {
      timers.delete(timer)
      decide(undecided)
    }, dueInMs)
    timers.add(timer)
  }

  const decide = ({ laterId, clearance }: Undecided): Promise<unknown> => {
    const travel = station.travelOf(clearance.clearanceId)
    const owed = record({ type: "decided", at: new Date().toISOString(), laterId, travel })
    return Promise.all(owed.map(deliver))
  }

  const deliver = (callback: OwedCallback): Promise<void> =>
    sender.deliver(callback, (outcome) =>
      record({
        type: "callback-ended",
        callback: callback.delivery,
        outcome,
        at: new Date().toISOString(),
      }),
    )

  /** Changes the decisions about some items that it approved or sent to review, at a random moment by the weather. */
  const thinkAgain = ({ clearanceId, batch, callbackUrl }: Clearance, { decisions }: ClearanceAnswer) => {
    if (callbackUrl === undefined) return
    for (const { item, decision, payee } of decisions) {
      const about = nameOf(batch, item)
      if (rethought.has(about) || books.changed.has(about)) continue
      if (decision === "rejected" || decision === "pending") continue
      rethought.add(about)
      const change = station.changeOfMindOf(about, payee === "no-match")
      if (change === undefined) continue
      const reason = change.decision === "rejected" ? "on-a-later-list" : "name-similar-to-a-later-list"
      const decided: Decision = { item, decision: change.decision, reason, payee }
      const timer = setTimeout(() => {
        later.delete(timer)
        station.lies.note({ kind: `changes-its-mind-to-${change.decision}`, about })
        const at = new Date().toISOString()
        const travel = station.travelOf(`${about}.changed`)
        const changedId = `changed-${randomUUID()}`
        const changed = { changedId, clearanceId, batch, decision: decided, callbackUrl, travel }
        for (const callback of record({ type: "changed", at, ...changed })) deliver(callback)
      }, change.inMs)
      later.add(timer)
    }
  }

  app.post("/clearance", async (c) => {
    const { key, fingerprint, body: clearance } = await readKeyed(c, withCallback(c.req.query("callbackUrl")))
    const known = books.answers.recall(key, fingerprint)
    if (known !== undefined) return c.json(known)
    refuseWhenFull(books.size)
    const answer = answerTo(clearance, books.lists, books.changed)
    const at = new Date().toISOString()
    const laterId = `decided-${randomUUID()}`
    record({ type: "screened", at, key, fingerprint, clearance, answer, laterId })
    thinkAgain(clearance, answer)
    const undecided = books.undecided.get(laterId)
    if (undecided !== undefined && station.comesEarly(key)) await awaitEarly(decide(undecided))
    else if (undecided !== undefined) follow(undecided)
    return c.json(answer)
  })

  app.post("/lists", async (c) => {
    const { announceTo, ...lists } = decoded(decodeChange(await readJson(c)))
    const id = `lists-${randomUUID()}`
    const announcement = announceTo && { id, url: announceTo, travel: station.travelOf(id) }
    const at = new Date().toISOString()
    const owed = record({ type: "listed", at, lists, ...(announcement && { announcement }) })
    for (const callback of owed) deliver(callback)
    return c.json({ listVersion: lists.listVersion })
  })

  app.post("/afterthoughts", async (c) => {
    const afterthought = decoded(decodeAfterthought(await readJson(c)))
    const clearance = books.clearanceOf(afterthought)
    if (clearance?.callbackUrl === undefined) throw refusal(422, { code: "nobody-to-tell" })
    refuseWhenFull(books.size)
    const id = `again-${randomUUID()}`
    const at = new Date().toISOString()
    const travel = station.travelOf(id)
    for (const callback of record({ type: "thought-again", at, id, afterthought, travel })) deliver(callback)
    return c.json({ id }, 202)
  })

  app.get("/books", (c) => c.json(books.show(readPage(c), later.size)))

  return {
    app,
    start() {
      for (const undecided of books.undecided.values()) follow(undecided)
      for (const callback of books.owed.values()) deliver(callback)
    },
    async close() {
      for (const timer of [...timers, ...later]) clearTimeout(timer)
      await sender.close()
      journal.close()
    },
  }
}
