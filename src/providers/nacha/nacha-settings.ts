/** What a bank agrees on with a company that sends it files of Nacha. */
import { Schema } from "effect"
import { RoutingNumber } from "../../domain/account-identifiers.ts"

const text = (lengthMax: number) =>
  Schema.String.check(
    Schema.makeFilter(
      (text: string) =>
        (/^[!-~](?:[ -~]*[!-~])?$/.test(text) && text.length <= lengthMax) ||
        `expected 1 to ${lengthMax} characters of ASCII, without spaces at the ends`,
    ),
  )

const matching = (pattern: RegExp, message: string) =>
  Schema.String.check(Schema.isPattern(pattern, { message }))

/** Upper-case letters, then digits: what a file may be told apart by from others of its day (Appendix Three, File ID Modifier). */
export const FILE_ID_MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/** Descriptions that say of an entry what ours never are: reversals, reclamations, retries (Appendix Three, Company Entry Description). */
const reservedDescriptions: ReadonlySet<string> = new Set([
  "REVERSAL",
  "RECLAIM",
  "NONSETTLED",
  "RETRY PYMT",
  "RETURN FEE",
  "NO CHECK",
  "AUTOENROLL",
  "HCCLAIMPMT",
])

/** The fewest banking days after which nothing has come back in time (Nacha Operating Rules, Article Three, Subsection 3.8). */
export const RETURN_BANKING_DAYS = 2

export const NachaSettings = Schema.Struct({
  /** Who gets the file: the bank's routing number, or ten characters that it gave. */
  immediateDestination: matching(/^(?:[0-9]{9}|[A-Z0-9]{10})$/, "expected 9 digits, or 10 characters"),
  immediateDestinationName: text(23),
  /** Who sends it: nine digits, or ten characters that the bank gave. */
  immediateOrigin: matching(/^(?:[0-9]{9}|[A-Z0-9]{10})$/, "expected 9 digits, or 10 characters"),
  immediateOriginName: text(23),
  companyName: text(16),
  /** As the bank knows the company; often 1 and its tax number. */
  companyId: matching(/^[A-Za-z0-9]{1,10}$/, "expected 1 to 10 letters and digits"),
  /** The routing number of the bank that originates the entries. Its first eight digits begin all trace numbers. */
  originatingDfi: RoutingNumber,
  /** What payees see the payment called, such as PAYOUT. PAYROLL is for wages alone. */
  entryDescription: text(10).check(
    Schema.makeFilter(
      (description: string) =>
        !reservedDescriptions.has(description.toUpperCase()) ||
        "this description is not for payments like ours",
    ),
  ),
  /** The modifiers that the bank takes, in the order in which a day's files have them; all by default. */
  fileIdModifiers: Schema.optionalKey(
    Schema.String.check(
      Schema.makeFilter(
        (all: string) =>
          (/^[A-Z0-9]{1,36}$/.test(all) && new Set(all).size === all.length) ||
          "expected different upper-case letters and digits",
      ),
    ),
  ),
  /** For a bank that takes entries for the same day: until when in a day, in New York. Without it they are for the next one. */
  sameDay: Schema.optionalKey(
    Schema.Struct({ cutOff: matching(/^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/, "expected a time such as 14:00") }),
  ),
  /** Whether the bank keeps our trace numbers. Then they count where it names orders; else only the identification number does. */
  keepsTraces: Schema.optionalKey(Schema.Boolean),
  /** Whether a file may be made before the day on which the bank processes it. It uses up modifiers of that day, too. */
  ahead: Schema.optionalKey(Schema.Boolean),
  /** When an order counts as settled of which nothing came back. */
  settlesAfter: Schema.optionalKey(
    Schema.Struct({
      /** After the effective entry date; 2 by default. */
      bankingDays: Schema.optionalKey(
        Schema.Int.check(Schema.isBetween({ minimum: RETURN_BANKING_DAYS, maximum: 60 })),
      ),
      /** What shows that the bank has the file: a report on any of its orders, by default, or that the client took it. */
      proof: Schema.optionalKey(Schema.Literals(["reported", "carried"])),
    }),
  ),
})
export type NachaSettings = typeof NachaSettings.Type

/** How many files a bank takes a day. */
export const filesPerDay = ({ fileIdModifiers = FILE_ID_MODIFIERS }: NachaSettings): number =>
  fileIdModifiers.length
