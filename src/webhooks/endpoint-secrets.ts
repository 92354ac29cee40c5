/** The port to what signs an endpoint's webhooks: its secret (`v1`), and a key for asymmetric signatures (`v1a`) if it has one. */
import { Context, type Effect, Schema } from "effect"
import type { Actor } from "../database/audit-entry.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { PublicKey } from "../platform/webhook-signing-key.ts"
import type { NoSuchEndpoint } from "./endpoints.ts"

/** How long two secrets may sign, at most and by default. Milliseconds. */
export const OVERLAP_MS_MAX = 7 * 24 * 3_600_000
export const OVERLAP_MS = 24 * 3_600_000

/** What is replaced: the secret, or the key for asymmetric signatures. */
export type Signer = "secret" | "signing key"

/** The previous one still signs, until then. A third one would be live if it was replaced now. */
export class RotationUnderWay extends Schema.TaggedError<RotationUnderWay>()("RotationUnderWay", {
  until: Schema.Date,
}) {}

/** The endpoint has no key for asymmetric signatures. */
export class NoSigningKey extends Schema.TaggedError<NoSigningKey>()("NoSigningKey", {
  endpoint: Schema.String,
}) {}

export interface EndpointOf {
  readonly partner: string
  readonly endpoint: string
}

export interface Rotation {
  /** For how long the previous one signs besides, 0 to {@link OVERLAP_MS_MAX}. With 0 nothing but the new one signs at once. */
  readonly overlapMs: number
  /**
   * Starts a rotation again whose answer was lost: the new secret that nobody has is dropped, and the previous one, which the
   * receiver has, goes on signing. Without a rotation under way it is a rotation like any other.
   */
  readonly restart?: boolean
}

export interface Rotated {
  /** Until when the previous one signs besides; `undefined` if only the new one signs. */
  readonly previousUntil: Date | undefined
}

/** What signs an endpoint's webhooks, without secrets. */
export interface Signatures {
  /** Until when the previous secret signs besides. */
  readonly previousSecretUntil: Date | undefined
  /** The public keys that verify its asymmetric signatures, the current one first; none if it has none. */
  readonly publicKeys: ReadonlyArray<LivePublicKey>
}

export interface LivePublicKey extends PublicKey {
  /** Until when it signs; `undefined` for the current one. */
  readonly until: Date | undefined
}

export class EndpointSecrets extends Context.Service<
  EndpointSecrets,
  {
    /** Makes a new secret (`whsec_…`), which is given here and never again. The audit trail has who did it. */
    readonly rotateSecret: (
      of: EndpointOf,
      rotation: Rotation,
      by?: Actor,
    ) => Effect.Effect<
      Rotated & { readonly secret: string },
      NoSuchEndpoint | RotationUnderWay | StoreUnavailable
    >
    /** Ends the overlap of a rotation: from now on only the current one signs. Does nothing if there is no other. */
    readonly endPrevious: (
      signer: Signer,
      of: EndpointOf,
      by?: Actor,
    ) => Effect.Effect<void, NoSuchEndpoint | StoreUnavailable>
    /** Makes a key for asymmetric signatures, which sign besides the secret. Does nothing if there is one. */
    readonly addSigningKey: (
      of: EndpointOf,
      by?: Actor,
    ) => Effect.Effect<void, NoSuchEndpoint | StoreUnavailable>
    /** Replaces the key for asymmetric signatures. */
    readonly rotateSigningKey: (
      of: EndpointOf,
      rotation: Pick<Rotation, "overlapMs">,
      by?: Actor,
    ) => Effect.Effect<Rotated, NoSigningKey | NoSuchEndpoint | RotationUnderWay | StoreUnavailable>
    /** Ends asymmetric signatures at once. Does nothing if there are none. */
    readonly removeSigningKey: (
      of: EndpointOf,
      by?: Actor,
    ) => Effect.Effect<void, NoSuchEndpoint | StoreUnavailable>
    readonly signatures: (of: EndpointOf) => Effect.Effect<Signatures, NoSuchEndpoint | StoreUnavailable>
    /** The public keys of any partner's endpoint; none for an endpoint that is not there or has no key. */
    readonly publicKeys: (endpoint: string) => Effect.Effect<ReadonlyArray<LivePublicKey>, StoreUnavailable>
    /** Whose endpoint it is: for operators, who name the endpoint alone. */
    readonly partnerOf: (endpoint: string) => Effect.Effect<string, NoSuchEndpoint | StoreUnavailable>
    /** Removes what has expired from the table. It does not sign any more in any case. Gives the number of endpoints. */
    readonly forgetExpired: Effect.Effect<number, StoreUnavailable>
  }
>()("atlaspay/webhooks/EndpointSecrets") {}

/** Where the API publishes the public keys of an endpoint. */
export const publicKeysPath = (endpoint: string): `/${string}` => `/.well-known/webhook-keys/${endpoint}`
