/** Guards of intake: what is accepted can be read in one way only, and what was accepted is never refused. */
import type { StepGuard } from "./step-guards.ts"

const intake = "test/http/payout-batches/hard-input.test.ts"
const encodings = "test/http/edge/body-encodings.test.ts"
const accounts = "test/domain/beneficiary.test.ts"
const currencies = "test/domain/currency.test.ts"
const times = "test/domain/written-time.test.ts"
const modulus = "test/domain/uk-modulus.test.ts"

export const intakeGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a day exists",
    file: "domain/written-time.ts",
    text: "return Number(day) <= daysIn(Number(year), Number(month))",
    without: "return Number(day) <= 31",
    caughtIn: times,
    caughtBy: 'is not "2027-02-29T10:00:00Z"',
  },
  {
    name: "nothing begins before the instant that was asked for",
    file: "domain/written-time.ts",
    text: "(read.isWhole ? 0 : 1)",
    without: "0",
    caughtIn: times,
    caughtBy: "2026-11-23T16:05:00.123000001Z is the first millisecond",
  },
  {
    name: "a batch is scheduled within bounds",
    file: "http/payout-batches/payout-batch-request.ts",
    text: 'if (untimely !== undefined) reading.problems.push(fieldProblem(["executeAt"], untimely))',
    without: "",
    caughtIn: intake,
    caughtBy: "367 days from now is refused",
  },
  {
    name: "what was accepted is not refused later",
    file: "http/payout-batches/payout-batch-intake.ts",
    text: "return yield* repeatedOrRefused(submission, asked, read.failure)",
    without: "return yield* Effect.fail(read.failure)",
    caughtIn: intake,
    caughtBy: "is answered as it was, and not refused",
  },
  {
    name: "only the body that was accepted is answered from the log",
    file: "http/payout-batches/payout-batch-intake.ts",
    text: "if (!isSameRequest(first, digest)) return yield* Effect.fail(refused)",
    without: "",
    caughtIn: intake,
    caughtBy: "is answered as it was, and not refused",
  },
  {
    name: "a currency is in use",
    file: "domain/currency.ts",
    text: "(lastDays[currency] ?? day) >= day",
    without: "true",
    caughtIn: currencies,
    caughtBy: "such as BGN on 2026-01-01",
  },
  {
    name: "intake asks whether a currency is in use",
    file: "http/payout-batches/payout-batch-request.ts",
    text: "    this.#checkCurrency(item - 1, row)\n",
    without: "",
    caughtIn: intake,
    caughtBy: "for which a currency is no longer in use is refused",
  },
  {
    name: "a BIC is of the country of its IBAN",
    file: "domain/account-identifiers.ts",
    text: "issuerOf(ofIban) === issuerOf(ofBic)",
    without: "true",
    caughtIn: accounts,
    caughtBy: "is not a BIC of another country than its IBAN",
  },
  {
    name: "an IBAN is checked as one wherever it is typed",
    file: "domain/account-identifiers.ts",
    text: "looksLikeIban(number) ? ibanProblem(number) : undefined",
    without: "undefined",
    caughtIn: accounts,
    caughtBy: "is not an IBAN with a wrong digit as an account number",
  },
  {
    name: "both checks of a sort code have to pass",
    file: "domain/uk-modulus.ts",
    text: "const isDecided = eitherPasses.has(first.exception) ? passed : !passed",
    without: "const isDecided = passed",
    caughtIn: modulus,
    caughtBy: "modulus 11 passes, double alternate does not",
  },
  {
    name: "a name that no reviewer can tell from another is refused",
    file: "domain/beneficiary.ts",
    text: "])[\\\\u200c\\\\u200d]`",
    without: "])(?!.)[\\\\u200c\\\\u200d]`",
    caughtIn: accounts,
    caughtBy: "may not have a zero-width joiner in letters that do not join",
  },
  {
    name: "two spellings of a reference are one",
    file: "http/payout-batches/payout-batch-request.ts",
    text: "const row = enteredItem(asked)",
    without: "const row = asked",
    caughtIn: intake,
    caughtBy: "is the same in both forms",
  },
  {
    name: "a body that came with its headers counts",
    file: "http/edge/request-body.ts",
    text: "const refused = reservation.grow(body.length)",
    without: "const refused = undefined",
    caughtIn: encodings,
    caughtBy: "at once, and no further than its limit",
  },
  {
    name: "a body that has come whole does not give way",
    file: "http/edge/request-body.ts",
    text: "    if (this.#incoming.complete) return\n",
    without: "",
    caughtIn: encodings,
    caughtBy: "lets no body give way that has come whole",
  },
  {
    name: "what is inflated counts",
    file: "http/edge/request-body.ts",
    text: "const refused = hasEnded ? undefined : reservation.grow(chunk.length)",
    without: "const refused = undefined",
    caughtIn: encodings,
    caughtBy: "of a few kilobytes that inflates to more",
  },
  {
    name: "compressed bytes count although they become none",
    file: "http/edge/request-body.ts",
    text: "if (received > bytesMax) fail(new BodyTooLarge({ bytesMax }))\n      else if",
    without: "if",
    caughtIn: encodings,
    caughtBy: "takes no more compressed bytes than a body may have",
  },
  {
    name: "a callback is read as it was signed",
    file: "http/edge/content-coding.ts",
    text: 'if (mayBeCompressed && (coding === "gzip"',
    without: 'if ((coding === "gzip"',
    caughtIn: encodings,
    caughtBy: "in gzip is refused before it is read",
  },
]
