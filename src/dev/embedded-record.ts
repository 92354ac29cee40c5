/* A file from which other processes of the same user learn which process runs a server, and its URL with the password. */
import { randomUUID } from "node:crypto"
import { readFileSync, renameSync, rmSync } from "node:fs"
import { Effect, type Option, Schema } from "effect"
import { writePrivately } from "./data-folder.ts"
import { identityOf } from "./embedded-process.ts"

const ServerRecord = Schema.fromJsonString(
  Schema.Struct({
    owner: Schema.Struct({ pid: Schema.Int, startedAt: Schema.String }),
    url: Schema.String,
    version: Schema.String,
    port: Schema.Int,
  }),
)

export type ServerRecord = typeof ServerRecord.Type

/** The record in the file; none if the file is missing or incomplete. */
export const readRecord = (file: string): Effect.Effect<Option.Option<ServerRecord>> =>
  Effect.sync(() => Schema.decodeUnknownOption(ServerRecord)(textOf(file)))

/** Writes the record with this process as the owner, in one step. */
export const writeRecord = (file: string, server: Omit<ServerRecord, "owner">): Effect.Effect<void> =>
  Effect.sync(() => {
    const { url, version, port } = server
    const record = { owner: identityOf(process.pid), url, version, port }
    const draft = `${file}.${randomUUID()}`
    writePrivately(draft, JSON.stringify(record))
    renameSync(draft, file)
  })

export const dropRecord = (file: string): Effect.Effect<void> =>
  Effect.sync(() => rmSync(file, { force: true }))

const textOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined
    throw error
  }
}
