/**
 * What the schemes carry by their published rules, for kinds of banks to declare as their limits. What a scheme cannot carry is not
 * cut: a name or a reference with its end missing is another one. The settings of a bank may say otherwise, where it has agreed to
 * more, or takes less.
 *
 * | scheme | name | reference | amount | source |
 * |---|---|---|---|---|
 * | SEPA | 70 | 140 | 999,999,999.99 | EPC125-05 and EPC004-16 rulebooks, AT-E001, AT-T009, AT-T002 |
 * | Faster Payments | 40 | 18 | 1,000,000.00 | Pay.UK, Faster Payments ISO 8583 message: beneficiary's account name, reference information; the scheme's limit since 2022-02 |
 * | ACH | 22 | 80 | 99,999,999.99 | Nacha Operating Rules, Appendix Three: individual or receiving company name, payment related information of one addenda record (PPD, CCD), amount of ten digits |
 * | cross-border | 140 | 140 | | ISO 20022, as in CBPR+ |
 */
import { Schema } from "effect"
import { type BankScheme, bankSchemes } from "../../domain/scheme.ts"
import type { BankLimits, SchemeLimits } from "./bank-limits.ts"

type Lengths = Pick<SchemeLimits, "nameLengthMax" | "remittanceLengthMax" | "minorMax">

export const publishedLimits: Readonly<Record<BankScheme, Lengths>> = {
  sepa: { nameLengthMax: 70, remittanceLengthMax: 140, minorMax: 99_999_999_999n },
  "faster-payments": { nameLengthMax: 40, remittanceLengthMax: 18, minorMax: 100_000_000n },
  ach: { nameLengthMax: 22, remittanceLengthMax: 80, minorMax: 9_999_999_999n },
  "cross-border": { nameLengthMax: 140, remittanceLengthMax: 140 },
}

const length = Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 140 })))

const SchemeLimitSettings = Schema.Struct({
  name: length,
  remittance: length,
  /** Minor units of the scheme's currency. */
  minorAtMost: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^[1-9][0-9]{0,14}$/, { message: "expected minor units as text" })),
  ),
})

/** Limits of one bank, by scheme, where they differ from the published ones. */
export const LimitSettings = Schema.Struct(
  Object.fromEntries(bankSchemes.map((scheme) => [scheme, Schema.optionalKey(SchemeLimitSettings)])) as {
    readonly [Name in BankScheme]: Schema.optionalKey<typeof SchemeLimitSettings>
  },
)
export type LimitSettings = typeof LimitSettings.Type

/**
 * The limits of a bank that takes texts in any script and carries them by all schemes of banks: the published ones, or what its settings say.
 */
export const limitsInAnyScript = (own: LimitSettings = {}): BankLimits =>
  Object.fromEntries(
    bankSchemes.map((scheme) => {
      const { nameLengthMax, remittanceLengthMax, minorMax } = publishedLimits[scheme]
      const { name = nameLengthMax, remittance = remittanceLengthMax, minorAtMost } = own[scheme] ?? {}
      const max = minorAtMost === undefined ? minorMax : BigInt(minorAtMost)
      const limits: SchemeLimits = {
        characters: "any",
        nameLengthMax: name,
        remittanceLengthMax: remittance,
        ...(max === undefined ? {} : { minorMax: max }),
      }
      return [scheme, limits]
    }),
  )
