/**
 * The code that a replay compares: of this checkout, or of another one, whose files Node reads as they are, without their types. They
 * run in this process with its rights, so only a checkout that somebody trusts is given.
 */
import { existsSync } from "node:fs"
import { registerHooks } from "node:module"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { Effect, Schema } from "effect"
import { type Batch, emptyBatch } from "../domain/batch.ts"
import { decodeEvent } from "../domain/event-codec.ts"
import { evolve } from "../domain/evolve.ts"
import { PayLine } from "../domain/pay-line.ts"
import { plan, wakeAt } from "../domain/plan.ts"
import { wayAfter } from "../domain/routing.ts"

/** The other code cannot be loaded, or lacks what a replay calls. */
export class UnusableCode extends Schema.TaggedError<UnusableCode>()("UnusableCode", {
  reason: Schema.String,
}) {
  override get message() {
    return this.reason
  }
}

/** What a replay calls of a domain. Another checkout's state may have other fields: it is only passed on, and compared. */
export interface DomainCode {
  readonly emptyBatch: () => Batch
  readonly decodeEvent: typeof decodeEvent
  readonly evolve: typeof evolve
  readonly plan: typeof plan
  readonly wakeAt: typeof wakeAt
  readonly PayLine: typeof PayLine
  readonly wayAfter: typeof wayAfter
}

export const ourCode: DomainCode = { emptyBatch, decodeEvent, evolve, plan, wakeAt, PayLine, wayAfter }

/** Where each function is in a domain. */
const places: Readonly<Record<keyof DomainCode, string>> = {
  emptyBatch: "batch.ts",
  decodeEvent: "event-codec.ts",
  evolve: "evolve.ts",
  plan: "plan.ts",
  wakeAt: "plan.ts",
  PayLine: "pay-line.ts",
  wayAfter: "routing.ts",
}

/** Loads the domain of another checkout: its folder, or the folder of its domain. */
export const loadCode = Effect.fn("loadCode")(function* (path: string) {
  const folder = [join(path, "src", "domain"), path].find((one) => existsSync(join(one, "evolve.ts")))
  if (folder === undefined)
    return yield* new UnusableCode({ reason: `${path} has no src/domain/evolve.ts: it is no checkout.` })
  lendPackages(resolve(folder))
  const loaded: Record<string, unknown> = {}
  for (const [name, file] of Object.entries(places)) {
    const url = pathToFileURL(resolve(folder, file)).href
    const module = yield* Effect.tryPromise({
      try: (): Promise<Record<string, unknown>> => import(/* @vite-ignore */ url),
      catch: (error) =>
        new UnusableCode({ reason: `${join(folder, file)} cannot be loaded: ${messageOf(error)}` }),
    })
    if (typeof module[name] !== "function")
      return yield* new UnusableCode({ reason: `${join(folder, file)} has no function ${name}.` })
    loaded[name] = module[name]
  }
  return loaded as unknown as DomainCode
})

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A checkout without installed packages, such as a worktree, gets those of this one. */
const lendPackages = (folder: string): void => {
  const below = pathToFileURL(`${folder}/`).href
  registerHooks({
    resolve: (specifier, context, next) => {
      const isTheirs = context.parentURL?.startsWith(below) === true && !/^(\.|node:|file:)/.test(specifier)
      if (!isTheirs) return next(specifier, context)
      try {
        return next(specifier, context)
      } catch {
        return next(specifier, { ...context, parentURL: import.meta.url })
      }
    },
  })
}
