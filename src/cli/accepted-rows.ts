/**
 * The rows that were accepted of files that lost others to `--rejects`. Who mends the whole file instead of the rejects has
 * another batch with the same rows in it: this record finds them before they are paid again. It lies in the data folder, so it
 * knows what was submitted from there, and only helps where the partner's duplicates are not checked by the service.
 *
 * It has hashes of what the log shows of a row, in lines of JSON, the latest submissions last. A submission is recorded before
 * it is sent, and again with its batch: where its answer is lost, its rows count as accepted until it is repeated.
 */
import { randomUUID } from "node:crypto"
import { mkdir, open, readFile, rename } from "node:fs/promises"
import { join } from "node:path"
import { Result, Schema } from "effect"
import type { RequestedItem } from "../http/payout-batches/payout-batch-request.ts"
import { contentKey } from "../payout-files/canonical-batch.ts"

/** Submissions that are remembered. */
export const SUBMISSIONS_MAX = 50
const FILE = "accepted-rows.jsonl"
const OWNER_ONLY = 0o600

const Submission = Schema.Struct({
  service: Schema.String,
  /** Absent while no answer is known. */
  batch: Schema.optionalKey(Schema.String),
  /** The key of the file as it was read, and last the key that its accepted rows were sent under. */
  keys: Schema.Array(Schema.String),
  rows: Schema.Array(Schema.String),
})
export type Submission = typeof Submission.Type

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(Submission))

const rowKey = (item: RequestedItem): string => contentKey([item]).slice(-32)

/** A submission of `items` as it is recorded. */
export const submissionOf = (
  about: Omit<Submission, "rows">,
  items: ReadonlyArray<RequestedItem>,
): Submission => ({ ...about, rows: items.map(rowKey) })

/** The key that a submission was sent under: with the same one it is the same submission again. */
const sentUnder = ({ keys }: Submission): string | undefined => keys.at(-1)

/**
 * What is recorded in a data folder; nothing if there is no record. Fails if a line cannot be read: without it, rows would be
 * paid again.
 */
export const recordedSubmissions = async (dataDir: string): Promise<ReadonlyArray<Submission>> => {
  const text = await readFile(join(dataDir, FILE), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return ""
    throw error
  })
  return text.split("\n").flatMap((line, index) => {
    if (line === "") return []
    const submission = decode(line)
    if (Result.isSuccess(submission)) return [submission.success]
    throw new Error(`line ${index + 1} of ${FILE} is damaged`)
  })
}

/** Adds a submission to the record. An earlier line of the same submission gives way, and so do the oldest ones. */
export const recordSubmission = async (dataDir: string, submission: Submission): Promise<void> => {
  await mkdir(dataDir, { recursive: true })
  const others = (await recordedSubmissions(dataDir)).filter((one) => !isSame(one, submission))
  await replace(dataDir, [...others, submission].slice(-SUBMISSIONS_MAX))
}

/** Removes a submission that the service refused, so that nothing of it was accepted. */
export const forgetSubmission = async (dataDir: string, submission: Submission): Promise<void> =>
  replace(
    dataDir,
    (await recordedSubmissions(dataDir)).filter((one) => !isSame(one, submission)),
  )

const isSame = (one: Submission, other: Submission): boolean =>
  one.service === other.service && sentUnder(one) === sentUnder(other)

/** Renamed in one step: a crash leaves the old record or the new one. */
const replace = async (dataDir: string, submissions: ReadonlyArray<Submission>): Promise<void> => {
  const draft = join(dataDir, `${FILE}.${randomUUID()}`)
  const handle = await open(draft, "wx", OWNER_ONLY)
  try {
    await handle.writeFile(submissions.map((one) => `${JSON.stringify(one)}\n`).join(""))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(draft, join(dataDir, FILE))
}

/** An item of a file that another submission had accepted, and the batch that pays it, if its answer is known. */
export interface AcceptedBefore {
  readonly item: number
  readonly batch: string | undefined
}

/** The items of a file that submissions to a service had accepted; none where the file is to be sent under the key of one. */
export const acceptedBefore = (
  recorded: ReadonlyArray<Submission>,
  service: string,
  key: string,
  items: ReadonlyArray<RequestedItem>,
): ReadonlyArray<AcceptedBefore> => {
  const others = recorded.filter((one) => one.service === service)
  if (others.some((one) => sentUnder(one) === key)) return []
  const batches = new Map(others.flatMap(({ batch, rows }) => rows.map((row) => [row, batch] as const)))
  return items.flatMap((item) => {
    const row = rowKey(item)
    return batches.has(row) ? [{ item: item.item, batch: batches.get(row) }] : []
  })
}

/** The latest submission of the same file, with which the service refused some of its rows; the numbers of these. */
export const refusedBefore = (
  recorded: ReadonlyArray<Submission>,
  service: string,
  { key, items }: { readonly key: string; readonly items: ReadonlyArray<RequestedItem> },
): { readonly sentUnder: string | undefined; readonly items: ReadonlyArray<number> } | undefined => {
  const first = recorded.findLast((one) => one.service === service && one.keys[0] === key)
  if (first === undefined) return undefined
  const accepted = new Set(first.rows)
  return {
    sentUnder: sentUnder(first),
    items: items.filter((item) => !accepted.has(rowKey(item))).map(({ item }) => item),
  }
}
