/** Rows about a batch against its log: the hashes that stores have, as claims, and what else rows say that only the log can know. */
import type { Batch } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { Claim } from "./claims.ts"
import type { BatchRecords } from "./evidence.ts"
import type { Finding, FindingKind, Store } from "./finding.ts"

/** The hashes that rows have. A tail in the register from before a loss was accepted no longer counts. */
export const claimsOf = ({
  shown,
  closed,
  tail,
  answered,
  leaves,
  isLossAccepted,
}: BatchRecords): ReadonlyArray<Claim> => [
  ...(shown === undefined ? [] : [{ ...shown, store: "read models" as const }]),
  ...(closed === undefined ? [] : [{ ...closed, store: "closed batches" as const }]),
  ...(tail === undefined || isLossAccepted ? [] : [{ ...tail, store: "register" as const }]),
  ...(isLossAccepted ? [] : answered.map((tail) => ({ ...tail, store: "register" as const }))),
  ...leaves.map((leaf) => ({ ...leaf, store: "proof tree" as const })),
]

/** What of a batch's rows contradicts its log, or another row. `log` is the log as far as it was folded, if all of it could be. */
export const rowFindings = (
  id: BatchId,
  partition: number,
  records: BatchRecords,
  log: { readonly version: number; readonly batch: Batch } | undefined,
): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  const { shown, closed, archived, leaves } = records
  const batch = log?.batch
  const expect = (kind: FindingKind, store: Store, is: boolean, expected: string, found: string) => {
    if (!is) findings.push({ kind, batch: id, entry: undefined, expected, found, store, wrong: store })
  }
  // Both rows come from one statement, so the one cannot be there without the other.
  if (closed !== undefined)
    expect(
      "behind-log",
      "read models",
      shown !== undefined && shown.version >= closed.version,
      `version ${closed.version}, as among the closed batches`,
      shown === undefined ? "no row" : `version ${shown.version}`,
    )
  // Earlier releases showed no hash, and knew no closed batches.
  const isClosed =
    shown?.closedAt !== undefined || (batch?.closed !== undefined && shown?.version === log?.version)
  if (shown?.head !== undefined && isClosed)
    expect(
      "behind-log",
      "closed batches",
      closed !== undefined && closed.version >= shown.version,
      `version ${shown.version}, as in the read models`,
      closed === undefined ? "no row" : `version ${closed.version}`,
    )
  for (const [store, row] of [
    ["closed batches", closed],
    ["archive", archived],
  ] as const) {
    if (row === undefined) continue
    expect("wrong-row", store, row.partition === partition, `partition ${partition}`, `${row.partition}`)
    if (batch?.closedAt !== undefined)
      expect(
        "wrong-row",
        store,
        row.closedAt === batch.closedAt,
        `closed at ${batch.closedAt}`,
        `${row.closedAt}`,
      )
    if (batch !== undefined && batch.closed === undefined)
      expect("wrong-row", store, false, "nothing: the batch is open", "a row")
  }
  if (closed !== undefined && closed.archivedVersion > 0)
    expect(
      "archive-gap",
      "archive",
      archived !== undefined && archived.version >= closed.archivedVersion,
      `a log up to ${closed.archivedVersion}`,
      archived === undefined ? "none" : `one up to ${archived.version}`,
    )
  if (closed !== undefined && closed.enteredVersion > 0)
    expect(
      "behind-log",
      "proof tree",
      leaves.some(({ version }) => version >= closed.enteredVersion),
      `a leaf of version ${closed.enteredVersion}`,
      leaves.length === 0 ? "none" : `leaves of ${leaves.map(({ version }) => version).join(", ")}`,
    )
  return findings
}
