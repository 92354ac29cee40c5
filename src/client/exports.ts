/**
 * Exports of items: one answer with all of them, which the service cuts off if it cannot complete it. An export counts only once it was
 * read to its end: what came of one that ends with an error is to be discarded.
 */
import { bytesOf, type Json, jsonObject, Unusable } from "./answers.ts"
import type { FoundItem, PayoutItem } from "./api-types.ts"
import { type QueryOf, read } from "./calls.ts"
import { Aborted, type CallDetails, IncompleteExport, UnusableAnswer } from "./errors.ts"
import { operations } from "./operations.ts"
import { withNames, withQuery } from "./paths.ts"
import { SilenceWatch } from "./silence-watch.ts"
import { type CallOptions, type Service, send } from "./transport.ts"

/** The items of one batch, or of all batches; which of them the filters say. */
export type ExportedItems =
  | ({ readonly batch: string } & Omit<QueryOf<"listPayoutItems">, "cursor" | "limit">)
  | ({ readonly batch?: undefined } & Omit<QueryOf<"searchPayoutItems">, "cursor" | "limit">)

/** An item with its batch; of several batches also with the time at which that was received. */
export type ExportedItem = PayoutItem & Pick<FoundItem, "batch"> & Partial<Pick<FoundItem, "receivedAt">>

const SILENCE_MS = 60_000
/** An item has some hundred characters. */
const LINE_CHARACTERS_MAX = 1024 * 1024
const mediaTypes = { csv: "text/csv", ndjson: "application/x-ndjson" } as const

/** Finds out whether an export is complete, from its bytes. */
interface Completeness {
  readonly take: (bytes: Uint8Array) => void
  /** What is missing; undefined if the export is complete. */
  readonly missing: () => string | undefined
}

/** All items, one by one; fails with `IncompleteExport` at the end if there are not all. */
export async function* exportedItems(
  service: Service,
  items: ExportedItems,
  options: CallOptions = {},
): AsyncGenerator<ExportedItem, void, undefined> {
  const lines = new NdjsonLines()
  for await (const _bytes of pieces(service, items, "ndjson", lines, options))
    yield* lines.taken() as ReadonlyArray<Json & ExportedItem>
}

/** The same as a file. A consumer that writes it removes what it wrote if this fails. */
export async function* exportedFile(
  service: Service,
  items: ExportedItems,
  form: "csv" | "ndjson",
  options: CallOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (form === "ndjson") return yield* pieces(service, items, form, new NdjsonLines(), options)
  const rows = new CsvRows(await itemsOf(service, items, options))
  yield* pieces(service, items, form, rows, options)
}

/** How many items a whole batch has. How many a filter finds nobody knows before. */
const itemsOf = async (
  service: Service,
  { batch, ...filters }: ExportedItems,
  options: CallOptions,
): Promise<number | undefined> => {
  if (batch === undefined || Object.values(filters).some((one) => one !== undefined)) return undefined
  return (await read(service, "showPayoutBatch", { id: batch }, {}, { itemCount: "number" }, options))
    .itemCount
}

async function* pieces(
  service: Service,
  { batch, ...filters }: ExportedItems,
  form: "csv" | "ndjson",
  completeness: Completeness,
  { signal, ...limits }: CallOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const path = withQuery(
    batch === undefined
      ? operations.searchPayoutItems[1]
      : withNames(operations.listPayoutItems[1], { id: batch }),
    filters,
  )
  const details = { call: `GET ${path}`, idempotencyKey: undefined, tries: 1, mayBeDone: false }
  const { response, abort } = await send(service, {
    method: "GET",
    path,
    headers: { accept: mediaTypes[form] },
    mayRepeat: true,
    options: { signal, ...limits },
    read: async (response, abort) => {
      if ((response.headers.get("content-type") ?? "").startsWith(mediaTypes[form]))
        return { response, abort }
      throw new Unusable("the answer is no such file")
    },
  })
  const watch = new SilenceWatch(SILENCE_MS, abort)
  signal?.addEventListener("abort", abort, { once: true })
  try {
    for await (const bytes of watch.over(bytesOf(response))) {
      completeness.take(bytes)
      yield bytes
    }
    const missing = completeness.missing()
    if (missing !== undefined) throw new IncompleteExport(missing, details)
  } catch (error) {
    throw failureOf(error, details, signal)
  } finally {
    watch.stop()
    signal?.removeEventListener("abort", abort)
    abort()
  }
}

const failureOf = (error: unknown, details: CallDetails, signal: AbortSignal | undefined): Error => {
  if (error instanceof IncompleteExport) return error
  if (signal?.aborted) return new Aborted("the caller ended it", details, signal.reason)
  if (error instanceof Unusable) return new UnusableAnswer(error.message, details)
  return new IncompleteExport("the export was cut off", details, error)
}

/** Objects, a line each, and a last one that says how many there are. */
class NdjsonLines implements Completeness {
  readonly #decoder = new TextDecoder()
  #rest = ""
  #lines: Array<Json> = []
  #count = 0
  #announced: unknown

  take(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n")
    this.#rest = lines.pop() ?? ""
    if (this.#rest.length > LINE_CHARACTERS_MAX)
      throw new Unusable(`a line has more than ${LINE_CHARACTERS_MAX} characters`)
    this.#lines = []
    for (const line of lines) this.#takeLine(line)
  }

  #takeLine(line: string): void {
    const object = jsonObject(line)
    if (object === undefined) throw new Unusable("a line of the export is no JSON object")
    if (object.complete === true) this.#announced = object.count
    else {
      this.#count += 1
      this.#lines.push(object)
    }
  }

  /** The objects of the last bytes. */
  taken(): ReadonlyArray<Json> {
    return this.#lines
  }

  missing(): string | undefined {
    if (this.#announced === undefined || this.#rest !== "") return "the export has no last line"
    return this.#announced === this.#count
      ? undefined
      : `the export has ${this.#count} items of ${this.#announced}`
  }
}

const [QUOTE, LINE_FEED] = [0x22, 0x0a]

/** Rows of CSV (RFC 4180): a line's end within quotes ends no row. */
class CsvRows implements Completeness {
  readonly #expected: number | undefined
  #rows = 0
  #isQuoted = false
  #last: number | undefined

  constructor(expected: number | undefined) {
    this.#expected = expected
  }

  take(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === QUOTE) this.#isQuoted = !this.#isQuoted
      if (byte === LINE_FEED && !this.#isQuoted) this.#rows += 1
    }
    this.#last = bytes.at(-1) ?? this.#last
  }

  missing(): string | undefined {
    if (this.#last !== LINE_FEED || this.#isQuoted) return "the export ends within a row"
    const items = this.#rows - 1
    return this.#expected === undefined || this.#expected === items
      ? undefined
      : `the export has ${items} items of ${this.#expected}`
  }
}
