/**
 * The rows that were accepted of files that lost others to `--rejects`. Who mends the whole file instead of the rejects has
 * another batch with the same rows in it: this record finds them before they are paid again. It lies in the data folder, so it
 * knows what was submitted from there, and only helps where the partner's duplicates are not checked by the service.
 *
 * It has hashes of what the log shows of a row, in lines of JSON, the latest submissions last.
 */
import { randomUUID } from "node:crypto"
import { mkdir, readFile, rename, writeFile } from "node:fs/promises"
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
  batch: Schema.String,
  /** The keys of the file as it was read, and as it was accepted: under one of them it is the same submission again. */
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

/** What is recorded in a data folder; nothing if there is no record. Lines that cannot be read are left out. */
export const recordedSubmissions = async (dataDir: string): Promise<ReadonlyArray<Submission>> => {
  const text = await readFile(join(dataDir, FILE), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return ""
    throw error
  })
  return text.split("\n").flatMap((line) => {
    const submission = decode(line)
    return Result.isSuccess(submission) ? [submission.success] : []
  })
}

/** Adds a submission to the record. An earlier line of the same batch gives way, and so do the oldest ones. */
export const recordSubmission = async (dataDir: string, submission: Submission): Promise<void> => {
  await mkdir(dataDir, { recursive: true })
  const others = (await recordedSubmissions(dataDir)).filter(({ batch }) => batch !== submission.batch)
  const kept = [...others, submission].slice(-SUBMISSIONS_MAX)
  // Renamed in one step: a crash leaves the old record or the new one.
  const draft = join(dataDir, `${FILE}.${randomUUID()}`)
  await writeFile(draft, kept.map((one) => `${JSON.stringify(one)}\n`).join(""), { mode: OWNER_ONLY })
  await rename(draft, join(dataDir, FILE))
}

/** An item of a file that another submission had accepted, and the batch that pays it. */
export interface AcceptedBefore {
  readonly item: number
  readonly batch: string
}

/** The items of a file that other submissions to a service had accepted; none for the same file again. */
export const acceptedBefore = (
  recorded: ReadonlyArray<Submission>,
  service: string,
  key: string,
  items: ReadonlyArray<RequestedItem>,
): ReadonlyArray<AcceptedBefore> => {
  const others = recorded.filter((one) => one.service === service)
  if (others.length === 0 || others.some(({ keys }) => keys.includes(key))) return []
  const batches = new Map(others.flatMap(({ batch, rows }) => rows.map((row) => [row, batch] as const)))
  return items.flatMap((item) => {
    const batch = batches.get(rowKey(item))
    return batch === undefined ? [] : [{ item: item.item, batch }]
  })
}
