/**
 * The protocol of the compliance engine, or of the ledger, behind one value: which settings it has, and how such a provider is called.
 * `app.ts` lists the kinds; the settings name one of them. Banks have kinds of their own, which declare more (`banks/bank-kind.ts`).
 */
import { Context, Effect, type Schema } from "effect"
import type { AppConfig } from "../../config.ts"
import type { ProviderChannels } from "./channel.ts"
import { InvalidProviderSetting } from "./provider-place.ts"
import { ownSettings, type ProviderAt } from "./provider-settings.ts"

/** A provider of the settings, with the fields for its kind decoded. */
export interface ProviderEntry<Own> extends Omit<ProviderAt, "own"> {
  /** The name by which limits, breakers and metrics know it. */
  readonly name: string
  readonly own: Own
}

/** What a kind declares: `Parts` is what the service makes of such a provider. */
export interface ProviderKindDeclaration<Own, Parts> {
  /** Its name in the settings. */
  readonly name: string
  /** Its settings, in addition to those of every provider. They are read strictly: an unknown field is an error. */
  readonly settings: Schema.Decoder<Own>
  readonly connect: (
    provider: ProviderEntry<Own>,
  ) => Effect.Effect<Parts, InvalidProviderSetting, AppConfig | ProviderChannels>
}

/** A kind as other code uses it, with the provider as it is in the settings. */
export interface ProviderKind<Parts> {
  readonly name: string
  /** Fails if the settings are not as the kind declares them. */
  readonly check: (provider: ProviderAt) => Effect.Effect<void, InvalidProviderSetting>
  readonly connect: (
    provider: ProviderAt & { readonly name: string },
  ) => Effect.Effect<Parts, InvalidProviderSetting, AppConfig | ProviderChannels>
}

/** Makes a kind from its declaration. */
export const providerKind = <Own, Parts>({
  name,
  settings,
  connect,
}: ProviderKindDeclaration<Own, Parts>): ProviderKind<Parts> => ({
  name,
  check: (provider) => Effect.asVoid(ownSettings(provider, settings)),
  connect: (provider) =>
    Effect.flatMap(ownSettings(provider, settings), (own) => connect({ ...provider, own })),
})

/** A kind as the check of the settings needs it. */
export type CheckedKind = Pick<ProviderKind<unknown>, "name" | "check">

/** The kinds that `app.ts` lists, for the check of the settings before anything connects. */
export class ProviderKinds extends Context.Service<
  ProviderKinds,
  { readonly compliance: ReadonlyArray<CheckedKind>; readonly ledger: ReadonlyArray<CheckedKind> }
>()("atlaspay/providers/ProviderKinds") {}

/** Fails if the settings of a provider name no kind, or if they are not as that kind declares them. */
export const checkedByKind = (
  kinds: ReadonlyArray<CheckedKind>,
  provider: ProviderAt,
): Effect.Effect<void, InvalidProviderSetting> =>
  Effect.flatMap(kindNamed(kinds, provider), (kind) => kind.check(provider))

/** The kind that the settings of a provider name. Fails if there is none. */
export const kindNamed = <Kind extends { readonly name: string }>(
  kinds: ReadonlyArray<Kind>,
  { kind: named, place: { setting, path } }: ProviderAt,
): Effect.Effect<Kind, InvalidProviderSetting> => {
  const kind = kinds.find(({ name }) => name === named)
  if (kind !== undefined) return Effect.succeed(kind)
  const reason = `${path}.kind: expected one of ${kinds.map(({ name }) => name).join(", ")}`
  return Effect.fail(new InvalidProviderSetting({ setting, reason }))
}
