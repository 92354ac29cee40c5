/** The settings of a bank at Adyen, and what it can be sent by each scheme. */
import { Schema } from "effect"
import { type BankScheme, bankSchemes } from "../../../domain/scheme.ts"
import { httpFields } from "../../calling/provider-access.ts"
import type { FileLimits } from "../bank-limits.ts"
import { LimitSettings, publishedLimits } from "../scheme-limits.ts"

/** How fast a transfer is sent: the values of the published document. */
export const priorities = ["regular", "fast", "wire", "instant", "crossBorder", "internal"] as const
export type Priority = (typeof priorities)[number]

/** Those to try, in this order: Adyen takes the next one where one is not possible. */
const Priorities = Schema.NonEmptyArray(Schema.Literals(priorities)).check(Schema.isUnique())

/** What a scheme of ours is called at Adyen, where the settings say nothing else. */
export const usualPriorities: Readonly<Record<BankScheme, readonly [Priority, ...Array<Priority>]>> = {
  sepa: ["regular"],
  // Faster Payments; `regular` is Bacs, which takes three days.
  "faster-payments": ["fast"],
  ach: ["regular"],
  "cross-border": ["crossBorder"],
}

export const Environment = Schema.Literals(["test", "live"])

export const AdyenSettings = Schema.Struct({
  ...httpFields,
  /** The balance account that the money leaves: `BA…`. */
  balanceAccount: Schema.String.check(
    Schema.isPattern(/^[A-Za-z0-9]{1,64}$/, { message: "expected the id of a balance account such as BA…" }),
  ),
  /** Which of Adyen's environments it is, if its address does not tell: notifications of the other one are refused. */
  environment: Schema.optionalKey(Environment),
  priorities: Schema.optionalKey(
    Schema.Struct(
      Object.fromEntries(bankSchemes.map((scheme) => [scheme, Schema.optionalKey(Priorities)])) as {
        readonly [Name in BankScheme]: Schema.optionalKey<typeof Priorities>
      },
    ),
  ),
  keyWindowMs: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  /** What it takes, where that differs from what the schemes carry. */
  limits: Schema.optionalKey(LimitSettings),
})
export type AdyenSettings = typeof AdyenSettings.Type

/** The environment of a bank. Adyen's addresses have it in their names; any other address is a test. */
export const environmentOf = ({
  environment,
  url,
}: Pick<AdyenSettings, "environment" | "url">): typeof Environment.Type =>
  environment ?? (/(^|[.-])live([.-]|$)/.test(new URL(url).hostname) ? "live" : "test")

/**
 * What Adyen can be sent. Names and descriptions are written in the Latin set of SEPA, which is the set of its descriptions and a part of
 * that of its names; the lengths are those of the schemes. Across borders it requires the beneficiary's address.
 */
export const adyenLimits = ({ limits: own = {} }: Pick<AdyenSettings, "limits">): FileLimits =>
  Object.fromEntries(
    bankSchemes.map((scheme) => {
      const { nameLengthMax, remittanceLengthMax, minorMax } = publishedLimits[scheme]
      const { name = nameLengthMax, remittance = remittanceLengthMax, minorAtMost } = own[scheme] ?? {}
      const max = minorAtMost === undefined ? minorMax : BigInt(minorAtMost)
      return [
        scheme,
        {
          characters: "latin" as const,
          nameLengthMax: name,
          remittanceLengthMax: remittance,
          ...(max === undefined ? {} : { minorMax: max }),
          ...(scheme === "cross-border" ? { needsAddress: true } : {}),
        },
      ]
    }),
  )
