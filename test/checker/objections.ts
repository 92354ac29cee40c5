/**
 * Nothing is sent after a no: of the compliance engine by its own books, of a reviewer, or of whoever cancelled it. What
 * was on its way when the no came may arrive, and then the log has to tell of the no.
 */
import type { BankTransfer } from "./bank-transfers.ts"
import type { Screened } from "./compliance-decisions.ts"
import type { LogStory } from "./log-story.ts"
import type { PersonsWord } from "./persons-word.ts"
import { mayBeUnheard, type SetBack } from "./set-backs.ts"

/** How long a call to a bank may be on its way: two provider time-outs of the weather run, and the work between. */
export const ON_ITS_WAY_MS = 2_000

interface Objection {
  readonly who: string
  readonly said: string
  /** From when on nothing new may be sent, in milliseconds since 1970. */
  readonly sinceMs: number
  /** How much later than that something may arrive. */
  readonly graceMs: number
}

/** What was said of each item, by "<batch> <item>". */
export interface Words {
  readonly engine: ReadonlyMap<string, ReadonlyArray<Screened>>
  readonly people: ReadonlyMap<string, ReadonlyArray<PersonsWord>>
}

export const saidOf = (screened: ReadonlyArray<Screened>, said: ReadonlyArray<PersonsWord>): Words => ({
  engine: Map.groupBy(screened, ({ batch, item }) => `${batch} ${item}`),
  people: Map.groupBy(said, ({ batch, item }) => `${batch} ${item}`),
})

/** What is wrong with a transfer that is at a bank: each no that was known before it was sent. */
export const sentDespite = (name: string, transfer: BankTransfer, words: Words): ReadonlyArray<string> => {
  const engine = words.engine.get(name) ?? []
  const people = words.people.get(name) ?? []
  const orderedMs = Date.parse(transfer.orderedAt)
  const where = `${name.replace(" ", " item ")} is at a bank, ${shown(transfer)}`
  if (engine.every(({ at }) => Date.parse(at) > orderedMs)) return [`${where}, and the engine said: nothing`]
  return [...objectionsOfEngine(engine, people), ...objectionsOf(people)]
    .filter(({ sinceMs, graceMs }) => orderedMs > sinceMs + graceMs)
    .map(
      ({ who, said, sinceMs }) =>
        `${where}, and ${who} said: ${said}, at ${clock(sinceMs)}, ${orderedMs - sinceMs} ms before`,
    )
}

/**
 * Who does not own the account is doubtful, as `PAYEE_CHECK` has it. Doubts end with a release that was said once they
 * were known, a rejection never does. A first word is known with the answer; a later one once it was acknowledged.
 */
const objectionsOfEngine = (
  engine: ReadonlyArray<Screened>,
  people: ReadonlyArray<PersonsWord>,
): ReadonlyArray<Objection> =>
  engine.flatMap((word, index) => {
    const said = word.decision === "approved" && word.payee === "no-match" ? word.payee : word.decision
    const sinceMs = knownAt(word)
    const isLifted =
      (said === "review" || said === "no-match") &&
      people.some(({ word, knownAt }) => word === "released" && knownAt >= sinceMs)
    return said === "approved" || isLifted
      ? []
      : [{ who: "the engine", said, sinceMs, graceMs: index === 0 ? 0 : ON_ITS_WAY_MS }]
  })

const knownAt = ({ later, toldAt, at }: Screened): number => {
  if (later !== true) return Date.parse(at)
  return toldAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(toldAt)
}

const objectionsOf = (people: ReadonlyArray<PersonsWord>): ReadonlyArray<Objection> =>
  people.flatMap(({ word, knownAt: sinceMs }) =>
    word === "released"
      ? []
      : [{ who: word === "rejected" ? "a reviewer" : "a person", said: word, sinceMs, graceMs: 0 }],
  )

/** Later words of the engine, on items that are at a bank, that no log tells of: what it did in time it has to say. */
export const unsaid = (
  { batch, decisions }: LogStory,
  sent: ReadonlySet<number>,
  { engine }: Words,
  setBacks: ReadonlyArray<SetBack>,
): ReadonlyArray<string> =>
  [...sent].flatMap((item) =>
    (engine.get(`${batch} ${item}`) ?? [])
      .filter((word) => word.later === true && word.toldAt !== undefined && !mayBeUnheard(setBacks, word))
      .filter(
        ({ listVersion, decision }) =>
          !decisions.some(
            (logged) =>
              logged.item === item && logged.listVersion === listVersion && logged.decision === decision,
          ),
      )
      .map(
        ({ decision, listVersion, toldAt = "" }) =>
          `${batch} item ${item} is at a bank, the engine said ${decision} by ${listVersion}, acknowledged at ${clock(Date.parse(toldAt))}, and the log does not tell`,
      ),
  )

/** What one needs to find a transfer again: bank, reference, when it was taken, and how often it was paid. */
export const shown = ({ bank, reference, status, orderedAt, payments }: BankTransfer): string =>
  `${bank} took ${reference} at ${clock(Date.parse(orderedAt))} (${status}, paid ${payments} times)`

const clock = (ms: number): string =>
  Number.isFinite(ms) ? new Date(ms).toISOString().slice(11, 23) : "no known time"
