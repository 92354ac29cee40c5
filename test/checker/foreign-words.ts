/** A word counts only from who may say it: what one bank says of another's transfer leaves no trace in a log. */
import type { BankTransfer } from "./bank-transfers.ts"
import { FOREIGN, type Lie } from "./lies.ts"
import type { BankWord, LogStory } from "./log-story.ts"

/** The attempt that a reference ends in. */
const attemptIn = (reference: string): number => Number(/-(\d+)$/.exec(reference)?.[1])

/** Where a log believed a bank that spoke of another's transfer. No bank uses the codes of such words for its own. */
export const foreignWordsBelieved = (
  stories: ReadonlyArray<LogStory>,
  transfers: ReadonlyArray<BankTransfer>,
  lies: ReadonlyArray<Lie>,
): ReadonlyArray<string> => {
  const spokenFor = Map.groupBy(
    lies.filter(({ kind }) => kind === FOREIGN),
    ({ about }) => about,
  )
  const own = refusedByItsOwn(transfers, lies)
  return stories.flatMap((story) =>
    [...story.transfers].flatMap(([reference, item]) =>
      (spokenFor.get(reference) ?? []).flatMap((lie) =>
        [...wordsAbout(story.refusals, item, reference), ...wordsAbout(story.contradictions, item, reference)]
          .filter((word) => isFrom(lie, word) || (isRefusalAfterAll(word) && !own.has(reference)))
          .map(
            ({ id, tag, said }) =>
              `${story.batch} item ${item}: ${lie.server} refused ${reference} in the name of ${lie.as} at ${lie.at.slice(11, 23)}, and ${id} ${tag} (${said}) believes it`,
          ),
      ),
    ),
  )
}

const wordsAbout = (words: ReadonlyArray<BankWord>, item: number, reference: string) =>
  words.filter((word) => word.item === item && word.attempt === attemptIn(reference))

const isFrom = ({ code = "" }: Lie, { said }: BankWord): boolean => said.includes(code)

const isRefusalAfterAll = ({ tag, said }: BankWord): boolean =>
  tag === "LateOutcomeDetected" && said === "failed"

/** Contradictions that no bank of the transfer's own gave cause for: whoever lies about what it pays contradicts itself. */
export const causelessContradictions = (
  stories: ReadonlyArray<LogStory>,
  transfers: ReadonlyArray<BankTransfer>,
  lies: ReadonlyArray<Lie>,
): ReadonlyArray<string> => {
  const liedAbout = new Set([
    ...refusedByItsOwn(transfers, lies),
    // Of these the violation is told already.
    ...lies.filter(({ kind }) => kind === FOREIGN).map(({ about }) => about),
  ])
  return stories.flatMap((story) =>
    story.contradictions.flatMap(({ id, tag, item, attempt, said }) => {
      const reference = [...story.transfers].find(
        ([reference, of]) => of === item && attemptIn(reference) === attempt,
      )?.[0]
      return reference !== undefined && liedAbout.has(reference)
        ? []
        : [`${story.batch} ${id} ${tag}: ${said}, and the bank of ${reference} never contradicted itself`]
    }),
  )
}

/** References that their own bank refused, truly or not. */
const refusedByItsOwn = (
  transfers: ReadonlyArray<BankTransfer>,
  lies: ReadonlyArray<Lie>,
): ReadonlySet<string> =>
  new Set([
    ...transfers.filter(({ status }) => status === "rejected").map(({ reference }) => reference),
    ...lies.filter(({ kind }) => kind !== FOREIGN).flatMap(({ about, references = [about] }) => references),
  ])
