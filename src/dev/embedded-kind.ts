/* What the embedded stack has to know about each kind of server, and what it reports about a running one. */
import { type Effect, Schema } from "effect"
import type { Probe } from "./embedded-probe.ts"
import type { ServerMarks } from "./embedded-process.ts"
import type { FoundPrograms, ServerPrograms } from "./embedded-programs.mjs"
import type { LeashOptions } from "./leashed-process.ts"

/** A server could not be found, started, reached or stopped. `log` is the file in which the server says why, if it ran. */
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
  /** Zero if the URL has none. */
  readonly port: number
  readonly origin: "started" | "given" | "attached"
  /** From the request for it until it answered. */
  readonly readyAfterMs: number
}

/** A kind of server in the stack. */
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

/** How to run a kind of server below one data folder. */
export interface ServerConfiguration extends ServerMarks {
  readonly stopSignal: "SIGTERM" | "SIGINT"
  readonly logFile: string
  /** Prepares the data folder for a start, whatever a killed run left in it. */
  readonly prepare: Effect.Effect<void, StackError>
  readonly command: (port: number) => LeashOptions
  readonly url: (port: number) => string
  /** What our own server answers to the probe as its identity. */
  readonly identity: (pid: number) => string
}

/** Absolute paths without symbolic links, so that a process that works there can be recognised. */
export interface StackFolders {
  readonly data: string
  readonly logs: string
  /** Locks, and records of which process runs which server. */
  readonly run: string
}
