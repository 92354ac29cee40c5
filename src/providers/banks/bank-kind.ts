/**
 * A kind of bank: everything about one protocol, behind one value. It is a folder beside this file with one entry, which
 * declares the settings of such banks, how they are called, what their callbacks report and where their statement is. `app.ts`
 * lists the kinds. Other code looks a kind up by the name in the settings, and asks it; no code outside the folder names a
 * kind.
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

/** A bank of the settings, with the fields for its kind decoded. */
export interface BankEntry<Own> extends Omit<BankSettings, "own"> {
  readonly own: Own
}

/** What a kind declares. Its banks cannot do what it leaves out. `R` are the services that it needs. */
export interface BankKindDeclaration<Own, R> {
  /** Its name in the settings. */
  readonly name: string
  /** The settings of its banks, in addition to those of every bank. They are read strictly: an unknown field is an error. */
  readonly settings: Schema.Decoder<Own>
  /**
   * Where it is called by HTTP and with which credentials, so that `production/` can check them; `undefined` if it is not
   * called. A kind cannot leave this out, because unchecked calls would then go out with real money.
   */
  readonly http: (own: Own) => HttpFields | undefined
  /** What its banks can be sent. A kind leaves it out if they take all that intake accepts. */
  readonly limits?: (own: Own) => BankLimits
  /** Makes a bank: transfers, inquiries, and how long it remembers a key. */
  readonly connect: (bank: BankEntry<Own>) => Effect.Effect<Bank, InvalidProviderSetting, R>
  /**
   * Withdraws an order that is still with us, for a bank by its name, which may no longer be configured. Left out if the call
   * itself is the order: then it may have been sent.
   */
  readonly withdraw?: Withdraw<R>
  /** The IBAN that its payments leave, if its settings have one: a statement of another one is not the bank's. */
  readonly iban?: (own: Own) => string | undefined
  /**
   * Its callbacks, or how they are read for a bank with these settings. Left out if its banks send none; callbacks for such a
   * bank are refused.
   */
  readonly callbacks?: BankCallbacks | ((own: Own) => BankCallbacks)
  /** The statement of a day, which may contain entries of other days. Left out if there is none. */
  readonly statement?: (
    bank: BankEntry<Own>,
    day: Day,
  ) => Effect.Effect<Source<StatementEntry>, InvalidProviderSetting, AppConfig | ProviderChannels>
}

/** A kind as other code uses it, with banks as they are in the settings. */
export interface BankKind<R> extends Pick<BankKindDeclaration<unknown, R>, "name" | "withdraw"> {
  readonly http: (bank: BankSettings) => Effect.Effect<HttpFields | undefined, InvalidProviderSetting>
  /** `undefined` where its banks send none. */
  readonly callbacks: (bank: BankSettings) => Effect.Effect<BankCallbacks | undefined, InvalidProviderSetting>
  /** `undefined` where the bank takes all that intake accepts. */
  readonly limits: (bank: BankSettings) => Effect.Effect<BankLimits | undefined, InvalidProviderSetting>
  readonly connect: (bank: BankSettings) => Effect.Effect<Bank, InvalidProviderSetting, R>
  /** `undefined` where no account is known. */
  readonly iban: (bank: BankSettings) => Effect.Effect<string | undefined, InvalidProviderSetting>
  readonly statement?: (
    bank: BankSettings,
    day: Day,
  ) => Effect.Effect<Source<StatementEntry>, InvalidProviderSetting, AppConfig | ProviderChannels>
}

/** Makes a kind from its declaration. The kind decodes a bank's settings before it uses them. */
export const bankKind = <Own, R = never>({
  settings,
  http,
  limits,
  connect,
  callbacks,
  iban,
  statement,
  ...declared
}: BankKindDeclaration<Own, R>): BankKind<R> => {
  const entryOf = (bank: BankSettings): Effect.Effect<BankEntry<Own>, InvalidProviderSetting> =>
    Effect.map(ownSettings(bank, settings), (own) => ({ ...bank, own }))
  return {
    ...declared,
    http: (bank) => Effect.map(entryOf(bank), ({ own }) => http(own)),
    callbacks: (bank) =>
      typeof callbacks === "function"
        ? Effect.map(entryOf(bank), ({ own }) => callbacks(own))
        : Effect.succeed(callbacks),
    limits: (bank) => Effect.map(entryOf(bank), ({ own }) => limits?.(own)),
    connect: (bank) => Effect.flatMap(entryOf(bank), connect),
    iban: (bank) => Effect.map(entryOf(bank), ({ own }) => iban?.(own)),
    ...(statement === undefined
      ? {}
      : { statement: (bank, day) => Effect.flatMap(entryOf(bank), (entry) => statement(entry, day)) }),
  }
}

/** The kinds that `app.ts` lists. */
export class BankKinds extends Context.Service<
  BankKinds,
  {
    /** The kind with a name; `undefined` if there is none, because the settings may be for another release. */
    readonly named: (kind: string) => BankKind<unknown> | undefined
    readonly names: ReadonlyArray<string>
  }
>()("atlaspay/providers/BankKinds") {}

export const bankKindsLayer = (kinds: ReadonlyArray<BankKind<unknown>>): Layer.Layer<BankKinds> =>
  Layer.succeed(BankKinds, {
    named: (kind) => kinds.find(({ name }) => name === kind),
    names: kinds.map(({ name }) => name),
  })
