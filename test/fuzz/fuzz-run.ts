/**
 * A fuzz run: requests that follow from a seed, in rounds. After each round the platform comes to rest; then everything that was
 * accepted has to be there and whole, nothing else may be there, and what was refused is sent again and must change nothing.
 */
import { gather } from "../checker/evidence.ts"
import { paidTwice, violations } from "../checker/invariants.ts"
import type { PostedBatch } from "../checker/partner.ts"
import type { PersonsWord } from "../checker/persons-word.ts"
import { readRedis } from "../checker/redis-snapshot.ts"
import { AnswerChecks } from "../http/answer-checks.ts"
import { type Accepted, lookAt } from "./accepted-batches.ts"
import { keyInSettings } from "./credentials.ts"
import { type ApiDocument, readDocument } from "./document.ts"
import { failureReport, summaryOf } from "./failure-report.ts"
import { differences, isQuiet, shownBatches, takeInventory } from "./inventory.ts"
import { type FuzzPlace, furnish, type World } from "./place.ts"
import { requestAt } from "./plan.ts"
import { bodyOf, bytesOf, type FuzzRequest } from "./request.ts"
import { shrunken } from "./shrinking.ts"
import { ANSWER_MS_MAX, Canaries, findingsIn, type Judge } from "./verdict.ts"
import { type Exchange, exchange } from "./wire.ts"

export interface FuzzOptions {
  readonly seed: number
  /** No more requests than that, and none begins after that time. Repetitions come on top of both. */
  readonly requestsMax: number
  readonly withinMs: number
  readonly requestsPerRound: number
  /** How many refused requests of each round are sent again. */
  readonly repeatedPerRound: number
  readonly onProgress?: (line: string) => void
}

export interface FuzzReport {
  readonly seed: number
  readonly requests: number
  readonly elapsedMs: number
  /** The number of answers with each status; 0 stands for a connection that was closed without one. */
  readonly statuses: Readonly<Record<string, number>>
  /** How many operations of the document were called, how many of these succeeded at least once, and which never did. */
  readonly operations: {
    readonly all: number
    readonly called: number
    readonly succeeded: number
    readonly neverSucceeded: ReadonlyArray<string>
  }
  readonly accepted: { readonly batches: number; readonly items: number }
  /** Refused requests that were sent again, and the rounds of repetitions after which the stores were compared. */
  readonly repeated: { readonly requests: number; readonly comparisons: number }
  readonly payments: number
  readonly paidTwice: number
  /** Of the service, in bytes: at the start, the most that was seen, and at the end. */
  readonly memory: { readonly start: number; readonly most: number; readonly end: number }
  readonly findings: ReadonlyArray<string>
}

const CONCURRENCY = 8
const QUIET_WITHIN_MS = 90_000
const STREAM_MS = 700
const FINDINGS_MAX = 40
const REPETITIONS_AT_A_TIME = 10
/** What the service may keep after it was at rest: caches are bounded, and Node gives memory back slowly. */
const MEMORY_GROWTH_MAX = 400 * 1024 * 1024

export const runFuzz = async (place: FuzzPlace, options: FuzzOptions): Promise<FuzzReport> => {
  const json = (await (await fetch(`${place.url}/openapi.json`)).json()) as object
  const world = await furnish(place, options.seed)
  const run = new FuzzRun(place, world, json, options)
  return run.go()
}

class FuzzRun {
  readonly #place: FuzzPlace
  readonly #world: World
  readonly #options: FuzzOptions
  readonly #document: ApiDocument
  readonly #judge: Judge
  readonly #findings: Array<string> = []
  readonly #statuses: Record<string, number> = {}
  readonly #called = new Set<string>()
  readonly #succeeded = new Set<string>()
  readonly #accepted = new Map<string, Accepted>()
  /** How many requests may have been accepted, although no answer came. */
  #unanswered = 0
  readonly #looked = new Map<string, PostedBatch>()
  readonly #said: Array<PersonsWord> = []
  #refused: Array<FuzzRequest> = []
  #sent = 0
  #repeated = 0
  #comparisons = 0
  #linesSeen = 0
  #mostMemory = 0

  constructor(place: FuzzPlace, world: World, json: object, options: FuzzOptions) {
    this.#place = place
    this.#world = world
    this.#options = options
    this.#document = readDocument(json)
    const byId = new Map(this.#document.operations.map((operation) => [operation.operationId, operation]))
    this.#judge = {
      checks: new AnswerChecks(json),
      canaries: new Canaries(world.secrets),
      operationOf: (id) => {
        const operation = byId.get(id)
        if (operation === undefined) throw new Error(`there is no operation ${id}`)
        return operation
      },
    }
  }

  async go(): Promise<FuzzReport> {
    const startedAt = Date.now()
    const { withinMs, requestsMax, requestsPerRound, onProgress = () => {} } = this.#options
    await this.#rest()
    const start = await this.#memory()
    while (
      this.#sent < requestsMax &&
      Date.now() - startedAt < withinMs &&
      this.#findings.length < FINDINGS_MAX
    ) {
      const until = Math.min(this.#sent + requestsPerRound, requestsMax)
      await this.#inTurn(until, () => Date.now() - startedAt < withinMs)
      await this.#settle()
      onProgress(
        `${this.#sent} requests, ${this.#accepted.size} batches accepted, ${this.#findings.length} findings, ${Math.round((await this.#memory()) / 2 ** 20)} MiB`,
      )
    }
    const { payments, twice } = await this.#checkMoney()
    const end = await this.#memory()
    if (end - start > MEMORY_GROWTH_MAX)
      this.#report(`the service keeps ${Math.round((end - start) / 2 ** 20)} MiB more than at the start`)
    return {
      seed: this.#options.seed,
      requests: this.#sent,
      elapsedMs: Date.now() - startedAt,
      statuses: this.#statuses,
      operations: {
        all: this.#document.operations.length,
        called: this.#called.size,
        succeeded: this.#succeeded.size,
        neverSucceeded: this.#document.operations
          .map(({ operationId }) => operationId)
          .filter((id) => !this.#succeeded.has(id)),
      },
      accepted: {
        batches: this.#accepted.size,
        items: [...this.#accepted.values()].reduce((sum, { itemCount }) => sum + itemCount, 0),
      },
      repeated: { requests: this.#repeated, comparisons: this.#comparisons },
      payments,
      paidTwice: twice,
      memory: { start, most: this.#mostMemory, end },
      findings: this.#findings,
    }
  }

  #report(finding: string): void {
    if (this.#findings.length < FINDINGS_MAX) this.#findings.push(finding)
  }

  /** Sends the requests up to a number, several at a time. */
  async #inTurn(until: number, isInTime: () => boolean): Promise<void> {
    const work = async () => {
      while (this.#sent < until && isInTime() && this.#findings.length < FINDINGS_MAX) {
        const number = this.#sent
        this.#sent += 1
        await this.#try(requestAt(this.#document, this.#options.seed, number))
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, work))
  }

  /** Sends a request, and reports what is wrong with the answer, with the smallest request that gets it. */
  async #try(request: FuzzRequest): Promise<void> {
    const came = await this.#send(request)
    this.#note(request, came)
    const [finding] = findingsIn(request, came, this.#judge)
    if (finding === undefined) return
    const smallest = await shrunken(request, async (smaller) => {
      const again = await this.#send(smaller)
      this.#note(smaller, again)
      return findingsIn(smaller, again, this.#judge).some(({ kind }) => kind === finding.kind)
    })
    this.#report(failureReport(request, smallest, finding, await this.#send(smallest)))
  }

  #send(request: FuzzRequest): Promise<Exchange> {
    const { host, hostname, port } = new URL(
      request.listener === "operations" ? this.#place.operationsUrl : this.#place.url,
    )
    this.#judge.canaries.sent(bodyOf(request, this.#world.names))
    return exchange(bytesOf(request, host, this.#world.names), {
      host: hostname,
      port: Number(port),
      withinMs: ANSWER_MS_MAX,
      streamMs: STREAM_MS,
      cutsOff: request.cutsOff,
    })
  }

  #note(request: FuzzRequest, { answers }: Exchange): void {
    const [answer] = answers
    this.#called.add(request.operationId)
    this.#statuses[answer?.status ?? 0] = (this.#statuses[answer?.status ?? 0] ?? 0) + 1
    if (answer === undefined) {
      if (["acceptPayoutBatch", "submitPayoutBatchDraft"].includes(request.operationId)) this.#unanswered += 1
      return
    }
    const { status, text } = answer
    if (status < 300 && request.expects === "document") this.#succeeded.add(request.operationId)
    for (const other of answers) this.#noteAccepted(request, other.status, other.text)
    if (request.operationId === "reviewItem" && status === 202) this.#noteReview(request)
    const isFinal = status >= 400 && status < 500 && ![408, 409, 429].includes(status)
    if (isFinal && !text.includes('"batch":"pb_')) this.#refused.push(request)
  }

  #noteAccepted(request: FuzzRequest, status: number, text: string): void {
    if (status !== 202 || !text.includes('"id":"pb_')) return
    const { id, itemCount, totals } = JSON.parse(text) as Pick<Accepted, "id" | "itemCount" | "totals">
    const isJson = request.headers.some(
      ([name, value]) => name === "Content-Type" && value === "application/json",
    )
    const posted =
      request.kind === "valid" && isJson
        ? JSON.parse(bodyOf(request, this.#world.names)?.toString() ?? "{}").items
        : undefined
    // Whoever posted it: this operator may read all.
    const apiKey = keyInSettings("vera") ?? ""
    if (!this.#accepted.has(id)) this.#accepted.set(id, { id, itemCount, totals, posted, apiKey })
  }

  /** Only what a person released may be paid although the compliance engine had doubts. */
  #noteReview(request: FuzzRequest): void {
    const [, batch = "", item] =
      /^\/payout-batches\/([^/]+)\/items\/(\d+)/.exec(
        request.path.replaceAll(/\{\{([\w:]+)\}\}/g, (_, name: string) => this.#world.names.resolve(name)),
      ) ?? []
    this.#said.push({ batch, item: Number(item), word: "released", knownAt: Date.now() })
  }

  /** Waits until nothing moves, and looks at everything. */
  async #settle(): Promise<void> {
    await this.#rest()
    await this.#checkBatches()
    await this.#repeat()
    this.#checkLines()
    if (!this.#place.isAlive()) this.#report("the process of the service ended")
    const health = await fetch(`${this.#place.url}/healthz`)
    if (health.status !== 200) this.#report(`/healthz answers ${health.status}`)
    await health.body?.cancel()
  }

  async #rest(): Promise<void> {
    if (!(await isQuiet(this.#place, QUIET_WITHIN_MS)))
      this.#report(`nothing rests after ${QUIET_WITHIN_MS} ms`)
  }

  /** The stores have the batches that were accepted, whole, and no others. */
  async #checkBatches(): Promise<void> {
    const { redisUrl, redisPrefix, databaseUrl } = this.#place
    const logs = new Set((await readRedis([redisUrl], redisPrefix)).logs.keys())
    const shown = new Set(await shownBatches(databaseUrl))
    const known = new Set([...this.#accepted.keys(), ...this.#world.batches.keys()])
    for (const [where, there] of [
      ["a log", logs],
      ["the read models", shown],
    ] as const) {
      for (const id of known) if (!there.has(id)) this.#report(`${id} was accepted and is not in ${where}`)
      const strangers = [...there].filter((id) => !known.has(id))
      if (strangers.length > this.#unanswered)
        for (const id of strangers) this.#report(`${id} is in ${where}, and no answer accepted it`)
      // Its client went before the answer came: it is one batch all the same, and has to be whole.
      else for (const id of strangers) this.#accepted.set(id, await this.#asAccepted(id))
    }
    for (const batch of this.#accepted.values()) {
      if (this.#looked.has(batch.id)) continue
      const { problems, record } = await lookAt(this.#place.url, batch)
      for (const problem of problems) this.#report(problem)
      this.#looked.set(batch.id, record)
    }
  }

  /** Refused requests are sent again while nothing else happens: the stores must be the same afterwards. */
  async #repeat(): Promise<void> {
    const refused = this.#refused
    this.#refused = []
    const step = Math.max(Math.floor(refused.length / this.#options.repeatedPerRound), 1)
    const chosen = refused.filter((_, at) => at % step === 0).slice(0, this.#options.repeatedPerRound)
    let before = await takeInventory(this.#place)
    for (let at = 0; at < chosen.length; at += REPETITIONS_AT_A_TIME) {
      const some = chosen.slice(at, at + REPETITIONS_AT_A_TIME)
      const refusedAgain = await this.#refusedAgain(some)
      await this.#rest()
      const after = await takeInventory(this.#place)
      if (refusedAgain) {
        this.#comparisons += 1
        const changed = differences(before, after)
        if (changed.length > 0)
          this.#report(
            [
              `a refused request changed the stores: ${changed.slice(0, 10).join("; ")}`,
              ...(await this.#changing(some)).map((request) => `  ${summaryOf(request)}`),
            ].join("\n"),
          )
      }
      before = after
    }
    this.#refused = []
  }

  /** The one of several requests that changes the stores each time, by halves. */
  async #changing(requests: ReadonlyArray<FuzzRequest>): Promise<ReadonlyArray<FuzzRequest>> {
    let left = requests
    while (left.length > 1) {
      const half = left.slice(0, Math.ceil(left.length / 2))
      const before = await takeInventory(this.#place)
      await this.#refusedAgain(half)
      await this.#rest()
      const isChanged = differences(before, await takeInventory(this.#place)).length > 0
      left = isChanged ? half : left.slice(half.length)
    }
    return left
  }

  async #refusedAgain(requests: ReadonlyArray<FuzzRequest>): Promise<boolean> {
    let areAll = true
    for (const request of requests) {
      const came = await this.#send(request)
      this.#repeated += 1
      this.#note(request, came)
      if (!came.answers.every(({ status }) => status >= 400)) areAll = false
    }
    return areAll
  }

  #checkLines(): void {
    const lines = this.#place.lines()
    for (const line of lines.slice(this.#linesSeen)) {
      const leaked = this.#judge.canaries.inLine(line)
      if (leaked.length > 0)
        this.#report(`a line of the log contains ${leaked.join(", ")}: ${line.slice(0, 80)}`)
    }
    this.#linesSeen = lines.length
  }

  /** The banks' books, against what was accepted. */
  async #checkMoney(): Promise<{ readonly payments: number; readonly twice: number }> {
    const { redisUrl, redisPrefix, databaseUrl, sandbox } = this.#place
    const fixtures: Array<PostedBatch> = []
    for (const id of this.#world.batches.keys()) {
      const { problems, record } = await lookAt(this.#place.url, await this.#asAccepted(id))
      for (const problem of problems) this.#report(problem)
      fixtures.push(record)
    }
    const evidence = await gather(
      {
        redisPrimaries: [redisUrl],
        redisPrefix,
        databaseUrl,
        complianceUrl: sandbox.compliance,
        bankUrls: [sandbox.banks.north, sandbox.banks.south],
      },
      { posted: [...fixtures, ...this.#looked.values()], said: this.#said },
    )
    for (const violation of violations(evidence)) this.#report(violation)
    return {
      payments: evidence.banks.transfers.reduce((sum, { payments }) => sum + payments, 0),
      twice: paidTwice(evidence).length,
    }
  }

  /** A batch that was there from the start: what it has is what its first answer said. */
  async #asAccepted(id: string): Promise<Accepted> {
    const apiKey = keyInSettings("vera") ?? ""
    const answer = await fetch(`${this.#place.url}/payout-batches/${id}`, {
      headers: { authorization: `Bearer ${apiKey}` },
    })
    const { itemCount, totals } = (await answer.json()) as Pick<Accepted, "itemCount" | "totals">
    return { id, apiKey, itemCount, totals, posted: undefined }
  }

  async #memory(): Promise<number> {
    const metrics = await (await fetch(`${this.#place.operationsUrl}/metrics`)).text()
    const bytes = Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1])
    this.#mostMemory = Math.max(this.#mostMemory, bytes)
    return bytes
  }
}
