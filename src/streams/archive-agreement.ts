/** The port to whether Redis and the archive agree about which logs left Redis. A store that came back older has forgotten some. */
import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

export class ArchiveAgreement extends Context.Service<
  ArchiveAgreement,
  {
    /** By partition, in words, what a store has forgotten. Nothing where they agree. */
    readonly disagreements: Effect.Effect<ReadonlyMap<number, string>, StoreUnavailable>
  }
>()("atlaspay/streams/ArchiveAgreement") {}
