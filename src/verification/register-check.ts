/**
 * The log against the register of attempts. An attempt is logged, then registered, and then sent: so the log has every attempt that is
 * registered, and the register has every one that a bank has reported on. Of an attempt that no bank has spoken of, nobody can say
 * whether its worker died before it registered it.
 */
import { type Attempt, attemptOf, attemptsOf, type Batch } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { AttemptRow, BatchRecords } from "./evidence.ts"
import { entryOf, type Finding, type FindingKind } from "./finding.ts"

export class RegisterCheck {
  readonly findings: Array<Finding> = []
  readonly #id: BatchId
  readonly #batch: Batch
  /** `<item>-<attempt>` of those that a bank has reported on, and which the register has not shown yet. */
  readonly #expected = new Set<string>()
  #rows = 0

  constructor(id: BatchId, batch: Batch) {
    this.#id = id
    this.#batch = batch
    for (const item of batch.items.values())
      for (const attempt of attemptsOf(item))
        if (isReported(attempt)) this.#expected.add(`${item.item}-${attempt.attempt}`)
  }

  /** Takes the next row of the batch. */
  see({ item: number, attempt, bank }: AttemptRow): void {
    this.#rows += 1
    this.#expected.delete(`${number}-${attempt}`)
    const item = this.#batch.items.get(number)
    const logged = item === undefined ? undefined : attemptOf(item, attempt)
    if (logged === undefined)
      this.#found("not-in-log", number, `no attempt ${attempt}`, `attempt ${attempt} at ${bank}`)
    else if (logged.bank !== bank)
      this.#found("other-bank", number, `attempt ${attempt} at ${logged.bank}`, `at ${bank}`)
  }

  /** Once there are no more rows. Attempts are recorded together with the tail of their log. */
  end({ tail, isLossAccepted }: BatchRecords): ReadonlyArray<Finding> {
    for (const missing of this.#expected) {
      const [item = "", attempt = ""] = missing.split("-")
      this.#found("not-registered", Number(item), `attempt ${attempt}`, "no row")
    }
    if (this.#rows > 0 && tail === undefined)
      this.#found("behind-log", undefined, "a tail beside its attempts", "none")
    // What was accepted as lost is in the register and in no log, and a bank may have been asked anew.
    return isLossAccepted ? [] : this.findings
  }

  #found(kind: FindingKind, item: number | undefined, expected: string, found: string): void {
    const since = item === undefined ? undefined : this.#batch.items.get(item)?.since
    this.findings.push({
      kind,
      batch: this.#id,
      entry: since === undefined ? undefined : entryOf(since),
      item,
      expected,
      found,
      store: "register",
      wrong: undefined,
    })
  }
}

/** Whether a bank has spoken of it. An order that was withdrawn has failed without a code, and may never have been registered. */
const isReported = ({ transferId, reports, code }: Attempt): boolean =>
  transferId !== undefined || reports.some((report) => report !== "failed") || code !== undefined
