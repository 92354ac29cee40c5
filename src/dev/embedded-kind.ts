/* What the embedded stack has to know about each kind of server, and what it tells about a running one. */
import { type Effect, Schema } from "effect"
import type { Probe } from "./embedded-probe.ts"
import type { ServerMarks } from "./embedded-process.ts"
import type { FoundPrograms, ServerPrograms } from "./embedded-programs.mjs"
import type { LeashOptions } from "./leashed-process.ts"

/** A server could not be found, started, reached or stopped. `log` is where it says why, if it ever ran. */
export class StackError extends Schema.TaggedError<StackError>()("StackError", {
  server: Schema.Literals(["Redis", "Postgres", "NATS", "Data folder"]),
  reason: Schema.String,
  log: Schema.optionalKey(Schema.String),
}) {
  override get message() {
    return `${this.server}: ${this.reason}${this.log === undefined ? "" : `\nIts log: ${this.log}`}`
  }
}

export interface RunningServer {
  readonly name: ServerKind["name"]
  readonly url: string
  readonly version: string
  /** Zero when a given URL names none. */
  readonly port: number
  readonly origin: "started" | "given" | "attached"
  /** From asking for it until it answered. */
  readonly readyAfterMs: number
}

/** A kind of server that the stack consists of. */
export interface ServerKind {
  readonly name: "Redis" | "Postgres" | "NATS"
  readonly urlVariable: "REDIS_URL" | "DATABASE_URL" | "NATS_URL"
  readonly programs: keyof FoundPrograms
  readonly probe: Probe
  readonly configure: (
    programs: ServerPrograms,
    folders: StackFolders,
  ) => Effect.Effect<ServerConfiguration, StackError>
}

/** How a kind of server is run below a certain data folder. */
export interface ServerConfiguration extends ServerMarks {
  readonly stopSignal: "SIGTERM" | "SIGINT"
  readonly logFile: string
  /** Makes the data folder fit for a start, whatever a killed run left in it. */
  readonly prepare: Effect.Effect<void, StackError>
  readonly command: (port: number) => LeashOptions
  readonly url: (port: number) => string
  /** What our own server answers when it is asked who it is. */
  readonly identity: (pid: number) => string
}

/** Absolute and free of symbolic links, so that a process that works there can be recognised. */
export interface StackFolders {
  readonly data: string
  readonly logs: string
  /** Locks, and records of who runs what. */
  readonly run: string
}
