/** What partners' contracts let them decide about their own batches, as it is at this moment. */
import { Context, type Effect } from "effect"
import type { PartnerId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { Operates } from "./access.ts"

export class PartnerContracts extends Context.Service<
  PartnerContracts,
  {
    /**
     * What the contract of a partner allows; nothing for a partner that is not in the record. It is read for each act and never
     * cached, so a change counts at once: these acts are rare, and are registered in the same store anyway.
     */
    readonly operates: (partner: PartnerId) => Effect.Effect<ReadonlySet<Operates>, StoreUnavailable>
  }
>()("atlaspay/identity/PartnerContracts") {}
