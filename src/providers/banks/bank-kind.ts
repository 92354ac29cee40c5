/**
 * A kind of bank: all that is particular to a protocol, behind one value. It is a folder beside this file with one entry,
 * which declares what such banks need in the settings, how they are called, what they tell by themselves and where their
 * statement is. `app.ts` lists the kinds. Everybody else looks one up by the kind that an entry of the settings names,
 * and asks it; nobody outside of its folder knows it by name.
 */
import { Context, Effect, Layer, type Schema } from "effect"
import type { AppConfig } from "../../config.ts"
import type { Day } from "../../domain/business-days.ts"
import type { Source, StatementEntry } from "../books.ts"
import type { ProviderChannels } from "../calling/channel.ts"
import type { HttpFields } from "../calling/provider-access.ts"
import type { InvalidProviderSetting } from "../calling/provider-place.ts"
import { type BankSettings, ownSettings } from "../calling/provider-settings.ts"
import type { Bank, Withdraw } from "./bank.ts"
import type { BankCallbacks } from "./bank-callbacks.ts"
import type { BankLimits } from "./bank-limits.ts"

/** A bank of the settings, with what its kind needs in the shape that the kind declares. */
export interface BankEntry<Own> extends Omit<BankSettings, "own"> {
  readonly own: Own
}

/** What a kind declares; what it leaves out, its banks do not do. `R` are the services that it works with. */
export interface BankKindDeclaration<Own, R> {
  /** What the settings call it. */
  readonly name: string
  /** What its banks need in the settings beyond what all have. Read strictly: a field that is not in it is a mistake. */
  readonly settings: Schema.Decoder<Own>
  /**
   * Where it is called by HTTP, and what proves who calls: production judges it. `undefined` where nothing is called. Not to be
   * left out: what a kind forgets here would be called with real money unjudged.
   */
  readonly http: (own: Own) => HttpFields | undefined
  /** What its banks can be sent. Left out where they take all that intake accepts. */
  readonly limits?: (own: Own) => BankLimits
  /** Makes a bank: how it is asked to transfer, and asked about a transfer, and how long it remembers a key. */
  readonly connect: (bank: BankEntry<Own>) => Effect.Effect<Bank, InvalidProviderSetting, R>
  /**
   * Takes back an order that lies with us for a bank, by its name: the bank may not be configured any more. Left out where
   * a call is the order: then it may have gone.
   */
  readonly withdraw?: Withdraw<R>
  /** How it calls back. Left out where it calls nobody back: then no word of such a bank is heard. */
  readonly callbacks?: BankCallbacks
  /** What its statement of a day says; entries of other days may be among it. Left out where there is none to be read. */
  readonly statement?: (
    bank: BankEntry<Own>,
    day: Day,
  ) => Effect.Effect<Source<StatementEntry>, InvalidProviderSetting, AppConfig | ProviderChannels>
}

/** A kind as it is asked, about banks as the settings have them. */
export interface BankKind<R>
  extends Pick<BankKindDeclaration<unknown, R>, "name" | "withdraw" | "callbacks"> {
  readonly http: (bank: BankSettings) => Effect.Effect<HttpFields | undefined, InvalidProviderSetting>
  /** `undefined` where the bank takes all that intake accepts. */
  readonly limits: (bank: BankSettings) => Effect.Effect<BankLimits | undefined, InvalidProviderSetting>
  readonly connect: (bank: BankSettings) => Effect.Effect<Bank, InvalidProviderSetting, R>
  readonly statement?: (
    bank: BankSettings,
    day: Day,
  ) => Effect.Effect<Source<StatementEntry>, InvalidProviderSetting, AppConfig | ProviderChannels>
}

/** The kind of a declaration: it reads the settings of a bank before it does anything with them. */
export const bankKind = <Own, R = never>({
  settings,
  http,
  limits,
  connect,
  statement,
  ...declared
}: BankKindDeclaration<Own, R>): BankKind<R> => {
  const entryOf = (bank: BankSettings): Effect.Effect<BankEntry<Own>, InvalidProviderSetting> =>
    Effect.map(ownSettings(bank, settings), (own) => ({ ...bank, own }))
  return {
    ...declared,
    http: (bank) => Effect.map(entryOf(bank), ({ own }) => http(own)),
    limits: (bank) => Effect.map(entryOf(bank), ({ own }) => limits?.(own)),
    connect: (bank) => Effect.flatMap(entryOf(bank), connect),
    ...(statement === undefined
      ? {}
      : { statement: (bank, day) => Effect.flatMap(entryOf(bank), (entry) => statement(entry, day)) }),
  }
}

/** The kinds that there are. */
export class BankKinds extends Context.Service<
  BankKinds,
  {
    /** `undefined` for one that nobody listed: the settings may be written for another release. */
    readonly named: (kind: string) => BankKind<unknown> | undefined
  }
>()("atlaspay/providers/BankKinds") {}

export const bankKindsLayer = (kinds: ReadonlyArray<BankKind<unknown>>): Layer.Layer<BankKinds> =>
  Layer.succeed(BankKinds, { named: (kind) => kinds.find(({ name }) => name === kind) })
