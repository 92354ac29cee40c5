/** A file of payouts as a request for a batch: what it asks for, and what is answered where rows of it cannot be paid. */
import { Array as Arr, Clock, Effect, Result } from "effect"
import { AppConfig } from "../../config.ts"
import { linesOf, type RejectedRows, rejectedRowsOf } from "../../domain/rejected-rows.ts"
import { inSlices } from "../../parsing/turns.ts"
import type { FileProblem } from "../../payout-files/file-problem.ts"
import { REJECTED_MAX, type Rejected } from "../../payout-files/payout-reading.ts"
import {
  type PayoutStream,
  readPayoutStream,
  type StreamForm,
  type StreamTerms,
} from "../../payout-files/payout-stream.ts"
import {
  type DataKey,
  type KeysForgotten,
  PartnerKeys,
  type VaultUnavailable,
} from "../../vault/partner-keys.ts"
import { InvalidBody, InvalidRows } from "../edge/failures.ts"
import { type FieldProblem, PROBLEMS_MAX, type RowProblem } from "../edge/field-problem.ts"
import { REQUESTS, requestDigest } from "../payout-batches/batch-identity.ts"
import type { Asked } from "../payout-batches/payout-batch-intake.ts"
import { type BatchRequest, readBatchTerms } from "../payout-batches/payout-batch-request.ts"
import { type SettingAside, type ShownRejected, withoutItems } from "../payout-batches/set-aside.ts"
import { type FileParameters, termsOf } from "./post-parameters.ts"

type Refusal = InvalidBody | InvalidRows | KeysForgotten | VaultUnavailable

/** A file as it came. */
export interface ReceivedFile {
  readonly form: StreamForm
  /** They are let go as they are read, unless the rejected rows may be asked for. */
  readonly pieces: Array<Buffer>
  /** The charset that its content type declares. */
  readonly encoding: string | undefined
  readonly parameters: FileParameters
}

/** Of a row that is good by the rules of the moment, and is not in the batch. */
const LEFT_OUT = "was left out when the batch was accepted"

export class PayoutUpload {
  readonly #file: ReceivedFile
  readonly #wantsAll: boolean
  readonly #takesGoodRows: boolean
  /** Of what was read only this stays: the items have their accounts in plain text, and are many. */
  #stream: Pick<PayoutStream, "naming" | "places"> | undefined
  #terms: StreamTerms | undefined
  #digest: string | undefined
  /** The rows that were refused, all that were found; of a batch without them, those that it does not have. */
  rejected: ReadonlyArray<Rejected> = []
  /** What was found by the rules of the moment, in a file whose good rows are asked for. */
  #setAside: ReadonlyArray<Rejected> = []
  /** The lines of the items, where some that could be read were left out. */
  #keptLines: ReadonlyArray<number> | undefined

  constructor(file: ReceivedFile) {
    this.#file = file
    this.#wantsAll = file.parameters.rejects === "file"
    this.#takesGoodRows = file.parameters.rows === "good"
  }

  /** How the file was read. */
  get terms(): StreamTerms | undefined {
    return this.#terms
  }

  /** Where an item stands in the file. */
  lineOf(item: number): number | undefined {
    const lines = this.#keptLines ?? this.#stream?.places
    return this.#stream?.naming.placeName === "line" ? lines?.[item - 1] : undefined
  }

  /** What the file asks for. Its digest is that of its bytes, inflated, behind its form and its terms. */
  get asked(): Asked<Refusal, AppConfig | PartnerKeys> {
    const { form, pieces, encoding, parameters } = this.#file
    const { decimal, thousands, rows } = parameters
    const terms = Object.entries({ ...termsOf(parameters), decimal, thousands, rows })
    const sorted = terms.filter(([, value]) => value !== undefined).sort(([a], [b]) => (a < b ? -1 : 1))
    // No body of JSON begins like that, so no digest of one is that of a file.
    const before = `atlaspay upload 1 ${JSON.stringify([form, encoding ?? null, sorted])}\n`
    const keepDigest = Effect.gen({ self: this }, function* () {
      const key = yield* (yield* PartnerKeys).current(REQUESTS)
      this.#digest = yield* inSlices(requestDigest(key, pieces, before))
    })
    return {
      digest: (key) => this.#digestBy(key, before),
      // Before the bytes are let go.
      read: Effect.andThen(
        keepDigest,
        Effect.suspend(() => this.#read()),
      ),
      unpayable: (problems) => this.#unpayable(problems),
      problemsMax: this.#wantsAll || this.#takesGoodRows ? REJECTED_MAX : PROBLEMS_MAX,
      ...(this.#takesGoodRows ? { settingAside: this.#settingAside } : {}),
    }
  }

  /** As it was before the file was read, or of a file that was not. */
  *#digestBy(key: DataKey, before: string): Generator<void, string> {
    return this.#digest ?? (yield* requestDigest(key, this.#file.pieces, before))
  }

  #read = Effect.fnUntraced({ self: this as PayoutUpload }, function* (): Effect.fn.Return<
    BatchRequest,
    InvalidBody | InvalidRows,
    AppConfig
  > {
    const { form, pieces, encoding, parameters } = this.#file
    const rules = (yield* AppConfig).intake
    const now = yield* Clock.currentTimeMillis
    const { executeAt, decimal, thousands } = parameters
    const notation = {
      ...(decimal === undefined ? {} : { decimal }),
      ...(thousands === undefined ? {} : { thousands }),
    }
    const isReadOnce = !this.#wantsAll
    const terms: StreamTerms = { form, rules, now, executeAt, encoding, notation, isReadOnce }
    // Also of a file whose terms are refused now: its batch may have been accepted without some of its rows.
    this.#terms = terms
    const asked = readBatchTerms(termsOf(parameters), now, rules)
    if (Result.isFailure(asked)) return yield* new InvalidBody({ problems: asked.failure })
    const stream = yield* Effect.mapError(
      readPayoutStream(pieces, terms),
      (problems) => new InvalidRows({ rejected: 0, isComplete: false, errors: shown(problems) }),
    )
    const { rejected, isComplete, items, totals, modulusFailures, order, naming, places } = stream
    this.#stream = { naming, places }
    this.#setAside = rejected
    if (rejected.length > 0 && !(this.#takesGoodRows && isComplete))
      return yield* this.#refused(rejected, isComplete)
    if (!Arr.isReadonlyArrayNonEmpty(items)) return yield* this.#refused(rejected, isComplete)
    const due = order === undefined ? {} : { executeAt: Date.parse(order.executeAt) }
    const named = order === undefined ? {} : { reference: order.reference }
    return this.#withoutRows({ ...named, ...asked.success, ...due, items, totals, modulusFailures })
  })

  /** The request as it is to be recorded, if only the good rows are asked for. */
  #withoutRows(request: BatchRequest): BatchRequest {
    if (!this.#takesGoodRows) return request
    return { ...request, rejectedRows: rejectedRowsOf(this.#setAside.map(({ place }) => place)) }
  }

  get #settingAside(): SettingAside {
    return {
      without: (request, problems) => this.#withoutUnpayable(request, problems),
      shown: (rows) => this.#shownOf(rows),
    }
  }

  /** Sets aside what no bank could be sent as well, unless there may be more than are recorded. */
  #withoutUnpayable(request: BatchRequest, problems: ReadonlyArray<FieldProblem>): BatchRequest | undefined {
    const found = this.#rowsOf(problems)
    const all = [...this.#setAside, ...found].sort((a, b) => a.place - b.place)
    if (problems.length >= REJECTED_MAX || all.length >= REJECTED_MAX) return undefined
    const items = new Set(problems.map(({ item }) => item))
    const payable = withoutItems(request, (item) => items.has(item))
    if (payable === undefined) return undefined
    this.#setAside = all
    this.#keptLines = this.#stream?.places.filter((_, index) => !items.has(index + 1))
    return this.#withoutRows(payable)
  }

  /** The rows that a batch does not have by its log, with what is wrong with them by the rules of the moment. */
  #shownOf(rows: RejectedRows): ShownRejected {
    const found = new Map(this.#setAside.map(({ place, problems }) => [place, problems]))
    this.rejected = Array.from(linesOf(rows), (line) => ({
      place: line,
      problems: found.get(line) ?? [{ line, reason: LEFT_OUT }],
    }))
    return { count: rows.count, errors: shown(this.rejected.flatMap(({ problems }) => problems)) }
  }

  #unpayable(problems: ReadonlyArray<FieldProblem>): InvalidRows {
    // Where so many were looked for, there may be more.
    const ofItems = problems.filter(({ item }) => item !== undefined)
    return this.#refused(
      [...this.#setAside, ...this.#rowsOf(ofItems)].sort((a, b) => a.place - b.place),
      problems.length < this.asked.problemsMax,
      problems.filter(({ item }) => item === undefined),
    )
  }

  #rowsOf(problems: ReadonlyArray<FieldProblem>): ReadonlyArray<Rejected> {
    const { places = [], naming } = this.#stream ?? {}
    const byItem = Map.groupBy(problems, ({ item }) => item ?? 0)
    return [...byItem].map(([item, found]) => ({
      place: places[item - 1] ?? 0,
      problems: found.map(
        ({ field, detail }): FileProblem => ({
          [naming?.placeName ?? "line"]: places[item - 1],
          column: naming?.columnOf(field),
          reason: detail,
        }),
      ),
    }))
  }

  /** Problems of the whole batch have no row, and no place in the file. */
  #refused(
    rejected: ReadonlyArray<Rejected>,
    isComplete: boolean,
    ofBatch: ReadonlyArray<FieldProblem> = [],
  ): InvalidRows {
    this.rejected = rejected
    return new InvalidRows({
      rejected: rejected.length,
      isComplete,
      errors: [
        // A field of the batch is a parameter of the request. The items as a whole are the file.
        ...ofBatch.map(({ field, detail }) => ({
          detail: field === undefined || field === "items" ? detail : `${field}: ${detail}`,
        })),
        ...shown(rejected.flatMap(({ problems }) => problems)),
      ].slice(0, PROBLEMS_MAX),
    })
  }
}

/** The first problems, as an answer has them; advice names parameters instead of options of the command line. */
const shown = (problems: ReadonlyArray<FileProblem>): ReadonlyArray<RowProblem> =>
  problems.slice(0, PROBLEMS_MAX).map(({ line, item, column, reason }) => ({
    ...(line === undefined ? {} : { line }),
    ...(item === undefined ? {} : { item }),
    ...(column === undefined ? {} : { column }),
    detail: asParameters(reason),
  }))

const asParameters = (reason: string): string =>
  reason.replaceAll(/--(decimal|thousands) (\w+)/g, (_, name: string, value: string) => `${name}=${value}`)
