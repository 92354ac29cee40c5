/** A version of a draft as a request for a batch: its terms and all of its items, read group by group, with the checks of any batch. */
import { createHmac } from "node:crypto"
import { Array as Arr, Clock, Effect, Result } from "effect"
import { AppConfig } from "../../config.ts"
import { type Draft, Drafts } from "../../drafts/drafts.ts"
import { turn } from "../../parsing/turns.ts"
import { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { type KeysForgotten, PartnerKeys, type VaultUnavailable } from "../../vault/partner-keys.ts"
import { DuplicatePayouts, InvalidBody } from "../edge/failures.ts"
import { type FieldProblem, fieldProblem, PROBLEMS_MAX } from "../edge/field-problem.ts"
import { REQUESTS } from "../payout-batches/batch-identity.ts"
import { CurrenciesInUse } from "../payout-batches/intake-rules.ts"
import type { Asked } from "../payout-batches/payout-batch-intake.ts"
import {
  BatchReading,
  type BatchRequest,
  ITEMS_MAX,
  readBatchTerms,
} from "../payout-batches/payout-batch-request.ts"
import { opened } from "./stored-items.ts"

/** Groups of items that are in memory at a time, besides those that were read. */
const GROUPS_AT_ONCE = 4

type Refusal = InvalidBody | KeysForgotten | StoreUnavailable | VaultUnavailable

export class DraftReading {
  readonly #draft: Draft
  #numbers: Array<number> = []
  #digest: string | undefined

  constructor(draft: Draft) {
    this.#draft = draft
  }

  /** The keyed digest of version, terms and items, once all of them were read. */
  get digest(): string | undefined {
    return this.#digest
  }

  get asked(): Asked<Refusal, AppConfig | Drafts | PartnerKeys> {
    const digest = () => this.#digest ?? "not read to its end"
    return {
      // biome-ignore lint/correctness/useYield: it was computed when the items were read.
      digest: function* () {
        return digest()
      },
      read: Effect.suspend(() => this.#read()),
      unpayable: (problems) => this.#refused(problems),
      problemsMax: PROBLEMS_MAX,
    }
  }

  #read = Effect.fnUntraced({ self: this as DraftReading }, function* (): Effect.fn.Return<
    BatchRequest,
    Refusal,
    AppConfig | Drafts | PartnerKeys
  > {
    const { terms } = this.#draft
    const rules = (yield* AppConfig).intake
    const now = yield* Clock.currentTimeMillis
    const numbers: Array<number> = []
    this.#numbers = numbers
    const reading = new BatchReading(
      rules,
      new CurrenciesInUse(now, terms.executeAt),
      (index) => `item ${numbers[index]}`,
    )
    // All of it is read, whatever is wrong: a refusal must know whether it is what was accepted before.
    this.#digest = yield* this.#readItems(reading)
    const asked = readBatchTerms(terms, now, rules)
    if (Result.isFailure(asked)) return yield* new InvalidBody({ problems: asked.failure })
    const { items, problems, modulusFailures } = reading
    if (problems.length > 0) return yield* this.#refused(problems)
    if (!Arr.isReadonlyArrayNonEmpty(items))
      return yield* this.#refused([fieldProblem(["items"], `expected 1 to ${ITEMS_MAX} items`)])
    return { ...asked.success, items, totals: reading.totals(), modulusFailures }
  })

  #readItems = Effect.fnUntraced({ self: this as DraftReading }, function* (reading: BatchReading) {
    const { id, version, terms, itemCount } = this.#draft
    const { key } = yield* (yield* PartnerKeys).current(REQUESTS)
    const drafts = yield* Drafts
    // No body of JSON and no file begins like that, so no digest of one is that of a draft.
    const hmac = createHmac("sha256", key)
    hmac.update(`atlaspay draft 1 ${JSON.stringify([id, version, terms])}\n`)
    let groups = yield* drafts.items(id, 0, GROUPS_AT_ONCE)
    while (groups.length > 0) {
      for (const group of groups) {
        yield* turn
        const { json, items } = yield* opened(this.#draft, group)
        hmac.update(json)
        for (const [number, written] of items) {
          const index = this.#numbers.push(number) - 1
          if (reading.problems.length < PROBLEMS_MAX) reading.add(index, written)
        }
      }
      groups = yield* drafts.items(id, groups.at(-1)?.firstItem ?? 0, GROUPS_AT_ONCE)
    }
    if (this.#numbers.length === itemCount) return hmac.digest("hex")
    // Somebody else has submitted or changed it meanwhile: this is no version of the draft.
    return yield* new StoreUnavailable({ store: "postgres", step: "read a draft", reason: "it changed" })
  })

  #refused(problems: ReadonlyArray<FieldProblem>): InvalidBody {
    return new InvalidBody({ problems: problems.slice(0, PROBLEMS_MAX).map((one) => this.inDraft(one)) })
  }

  /** Duplicates by their numbers in the draft. */
  withNumbers(found: DuplicatePayouts): DuplicatePayouts {
    return new DuplicatePayouts({ count: found.count, errors: found.errors.map((one) => this.inDraft(one)) })
  }

  /** A problem of an item, by its number in the draft in place of its position. */
  inDraft<P extends FieldProblem>(problem: P): P {
    const number = problem.item === undefined ? undefined : this.#numbers[problem.item - 1]
    if (number === undefined) return problem
    const pointer = problem.pointer.replace(/^\/items\/\d+/, `/items/${number - 1}`)
    return { ...problem, item: number, pointer }
  }
}
