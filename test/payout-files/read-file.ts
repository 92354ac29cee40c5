/** Files of payouts for tests: written to a folder of their own, and read as the command reads them. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { expect } from "vitest"
import {
  InvalidPayoutFile,
  type PayoutFile,
  type ReadOptions,
  readPayoutFile,
} from "../../src/payout-files/payout-file.ts"

export const folder = mkdtempSync(join(tmpdir(), "payout-file-"))

export const fileOf = (content: string | Buffer, name = "payouts.csv"): string => {
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}

export const readAt = (file: string, options?: ReadOptions): Promise<PayoutFile> =>
  Effect.runPromise(readPayoutFile(file, options))

export const read = (content: string | Buffer, options?: ReadOptions): Promise<PayoutFile> =>
  readAt(fileOf(content), options)

/** What is said of a file that is refused, without its name: a line for each problem. */
export const refusalAt = async (file: string, options?: ReadOptions): Promise<ReadonlyArray<string>> => {
  const error = await Effect.runPromise(Effect.flip(readPayoutFile(file, options)))
  expect(error).toBeInstanceOf(InvalidPayoutFile)
  return error.message
    .replaceAll(file, "")
    .split("\n")
    .slice(1)
    .map((line) => line.replace(/^ *(, )?/, ""))
}

export const refusal = (content: string | Buffer, options?: ReadOptions): Promise<ReadonlyArray<string>> =>
  refusalAt(fileOf(content), options)
