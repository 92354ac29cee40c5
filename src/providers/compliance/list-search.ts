/**
 * Engines that search lists: they keep no clearances, know no pending decisions and call nobody back. A clearance is several questions to
 * them, which may all be repeated. It has an answer only if each of them has one, and all by the same lists.
 */
import { Effect } from "effect"
import type { Item } from "../../domain/batch.ts"
import { ProviderUnavailable } from "../calling/provider-error.ts"

/** A clearance is tried as often as this while its lists change. */
const ROUNDS_MAX = 2

/** The failure of an answer from which nothing follows. */
export const nonsense = (provider: string, step: string, problem: string) =>
  new ProviderUnavailable({ provider, kind: "nonsense", reason: `${step}: ${problem}` })

/** Lists as an engine has them at one moment. */
export interface LoadedLists {
  /** The same for the same lists. */
  readonly version: string
  /** Another one after each loading, also of the same lists. Left out where entries do not have to be loaded to be searched. */
  readonly loading?: string
}

/**
 * Searches by one version of the lists: the one before the search is the one after it. Otherwise some answers may be by the old lists and
 * some by the new, so it is all done again, and fails if the lists go on changing. It is the same if they were loaded again meanwhile:
 * an engine that was started again finds nobody until it has, and then has the lists that it had before.
 */
export const byTheSameLists = Effect.fnUntraced(function* <A>(
  provider: string,
  lists: Effect.Effect<LoadedLists, ProviderUnavailable>,
  search: Effect.Effect<A, ProviderUnavailable>,
) {
  let before = yield* lists
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    const found = yield* search
    const after = yield* lists
    if (after.version === before.version && after.loading === before.loading)
      return { listVersion: before.version, found }
    before = after
  }
  return yield* nonsense(provider, "lists", "they changed while they were searched")
})

/** What is asked of a beneficiary. The account is no part of it. */
export interface Subject {
  readonly item: number
  readonly name: string
  readonly type: Item["beneficiary"]["type"]
  /** ISO 3166-1 alpha-2, of the address. */
  readonly country: string | undefined
}

/** The subjects of items. A country lowers the score of somebody who is listed with another, so it is asked for only if settings say so. */
export const subjectsOf = (
  items: ReadonlyArray<Pick<Item, "item" | "beneficiary">>,
  countries: "omitted" | "sent" = "omitted",
): ReadonlyArray<Subject> =>
  items.map(({ item, beneficiary: { name, type, addressCountry } }) => ({
    item,
    name,
    type,
    country: countries === "sent" ? addressCountry : undefined,
  }))

/** What is wrong with lists that were loaded at `at` (epoch milliseconds; `NaN` if that is unknown). */
export const ageProblem = (at: number, now: number, ageMsMax: number): string | undefined => {
  if (Number.isNaN(at)) return "does not say when its lists were loaded"
  if (at > now + CLOCK_SKEW_MS_MAX) return "says that its lists will be loaded later"
  return now - at > ageMsMax ? "has lists that are too old" : undefined
}

/** A clock may be ahead by as much. */
const CLOCK_SKEW_MS_MAX = 300_000
