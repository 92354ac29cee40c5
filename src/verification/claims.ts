/**
 * What stores say of a log: that it has a hash at a version. Whatever they are, read models, registers or the proof tree, they are
 * compared with the log in this one way. The chain makes one agreement vouch for everything before it: a store that agrees at a
 * version has seen the same history up to it.
 */
import { entryOf, type Finding, type Store } from "./finding.ts"

/** A store has the hash of the log at a version. Without a hash it only says that there is such a version. */
export interface Claim {
  readonly store: Store
  readonly version: number
  readonly head: string | undefined
}

interface Difference extends Claim {
  /** The hash in the log; nothing if it does not reach the version. */
  readonly found: string | undefined
}

/** Compares claims with a log, as the log is read. */
export class ClaimCheck {
  readonly #batch: string
  readonly #open = new Map<number, Array<Claim>>()
  readonly #differences: Array<Difference> = []
  /** The furthest version at which each store agrees with the log. */
  readonly #agreed = new Map<Store, number>()

  constructor(batch: string, claims: Iterable<Claim>) {
    this.#batch = batch
    for (const claim of claims) {
      const same = this.#open.get(claim.version)
      if (same === undefined) this.#open.set(claim.version, [claim])
      else same.push(claim)
    }
    // Before the first event the hash is the id of the batch.
    this.see(0, batch)
  }

  /** The log has this hash at a version. */
  see(version: number, head: string): void {
    const claims = this.#open.get(version)
    if (claims === undefined) return
    this.#open.delete(version)
    for (const claim of claims)
      if (claim.head === undefined || claim.head === head)
        this.#agreed.set(claim.store, Math.max(version, this.#agreed.get(claim.store) ?? 0))
      else this.#differences.push({ ...claim, found: head })
  }

  /** What contradicts the log, which ends at `version`. `source` is where it was read. */
  findings(source: Store, version: number): ReadonlyArray<Finding> {
    const missing = [...this.#open.values()].flat().map((claim) => ({ ...claim, found: undefined }))
    return perStore([...this.#differences, ...missing]).map((difference) =>
      this.#finding(difference, source, version),
    )
  }

  #finding(difference: Difference, source: Store, end: number): Finding {
    const { store, version, head, found } = difference
    const since = Math.max(0, ...this.#agreements((agreed) => agreed < version))
    return {
      kind: found === undefined ? "ahead-of-log" : "other-history",
      batch: this.#batch,
      entry: entryOf(Math.max(version, 1)),
      from: entryOf(Math.min(found === undefined ? end : since, version - 1) + 1),
      expected: head === undefined ? `version ${version}` : `${head} at version ${version}`,
      found: found ?? `an end at version ${end}`,
      store,
      wrong: this.#wrong(difference, source),
    }
  }

  *#agreements(isMeant: (version: number) => boolean) {
    for (const version of this.#agreed.values()) if (isMeant(version)) yield version
  }

  /** A store that differs where others agree is wrong; so is a log from which several stores differ. */
  #wrong({ store, version }: Difference, source: Store): Store | undefined {
    const [agrees] = this.#agreements((agreed) => agreed >= version)
    if (agrees !== undefined) return store
    const others = [...this.#differences, ...[...this.#open.values()].flat()].some(
      (other) => other.store !== store,
    )
    return others ? source : undefined
  }
}

/** The first difference of each store: the later ones follow from it. */
const perStore = (differences: ReadonlyArray<Difference>): ReadonlyArray<Difference> => {
  const first = new Map<Store, Difference>()
  for (const difference of differences.toSorted((a, b) => a.version - b.version))
    if (!first.has(difference.store)) first.set(difference.store, difference)
  return [...first.values()]
}
