/** Proofs: what a partner keeps, and verifies offline with the scripts of docs/PROOFS.md. No answer here is verified. */

import { read } from "./calls.ts"
import type { ConsistencyProof, ItemProof, SignedRoot } from "./report-types.ts"
import type { CallOptions, Service } from "./transport.ts"

/** The operations of proofs, on a service. */
export const proofsOf = (service: Service) => ({
  /** The proof of an item of a closed batch. Fails with a `Problem` of status 409 until a root was signed and published since it closed. */
  item: (id: string, item: number, options: CallOptions = {}): Promise<ItemProof> =>
    read(service, "provePayoutItem", { id, item }, {}, { events: "array", root: "string" }, options),

  /** The latest signed root, to keep. Fails with a `Problem` of status 404 before the first. */
  root: (options: CallOptions = {}): Promise<SignedRoot> =>
    read(service, "showProofRoot", {}, {}, { size: "number", note: "string" }, options),

  /** That the root with `to` leaves grew out of the one with `from`: sizes of two roots that were kept. */
  consistency: (from: number, to: number, options: CallOptions = {}): Promise<ConsistencyProof> =>
    read(service, "showProofConsistency", {}, { from, to }, { proof: "array" }, options),
})
