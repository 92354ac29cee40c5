/** Whatever a statement in SWIFT's form has, exactly that is read; and whatever is lost or doubled of it, nothing of it counts. */
import { Result } from "effect"
import { expect, it } from "vitest"
import { readBankMessage } from "../../../src/providers/iso20022/bank-message.ts"
import { fc } from "../../property.ts"
import { read } from "../iso20022/bank-messages.ts"
import { credit, debit, mt940 } from "./statements.ts"

const RUNS = 60

const referenceOf = (item: number) => `ABCDEFGHIJKLMNOPQRSTUV-${item}-1`

const forms: ReadonlyArray<(reference: string, text: string) => string> = [
  (reference, text) =>
    `116?00UEBERWEISUNG?20EREF+${reference.slice(0, 22)}?21${reference.slice(22)}?22SVWZ+${text}`,
  (reference, text) => `/EREF/${reference}//CNTP/NL20ABNA0123456789/ABNANL2A/${text}///REMI/USTD//${text}/`,
  (reference, text) => `/TRTP/SEPA OVERBOEKING/NAME/${text}/REMI/${text}/EREF/${reference}`,
]

const payment = fc.record({
  cents: fc.bigInt({ min: 1n, max: 99_999_999n }),
  isReturn: fc.boolean(),
  form: fc.nat({ max: forms.length - 1 }),
  // What payers may write: SEPA's characters, without those that begin a code word.
  text: fc.string({ unit: fc.constantFrom(..."ABCxyz019 .,-:()+?".split("")), maxLength: 30 }),
})

const lineOf = (
  { cents, isReturn, form, text }: { cents: bigint; isReturn: boolean; form: number; text: string },
  index: number,
) => {
  const about = forms[form]?.(referenceOf(index + 1), text) ?? ""
  // Broken at 65 characters, as SWIFT's lines are.
  const lines = about.match(/.{1,65}/g) ?? []
  const safe = lines.map((line, at) => (at > 0 && /^[:-]/.test(line) ? ` ${line}` : line))
  return isReturn ? credit(cents, safe, "NRTI") : debit(cents, safe)
}

it("a statement says what was written into it", () => {
  fc.assert(
    fc.property(fc.array(payment, { maxLength: 12 }), (payments) => {
      const { named } = read(mt940({ lines: payments.map(lineOf) }))
      const found = new Map(named.map((report) => [report.reference, report]))
      expect(named).toHaveLength(payments.length)
      for (const [index, { cents, isReturn, form, text }] of payments.entries()) {
        // A payer's mark may look like that of a subfield, and then it may break the reference: never to another one of ours.
        const report = found.get(referenceOf(index + 1))
        if (report === undefined) expect([form, /[:-]/.test(text)]).toEqual([2, true])
        else
          expect(report).toMatchObject({
            amount: { minor: cents },
            status: { _tag: isReturn ? "Returned" : "Settled" },
          })
      }
    }),
    { numRuns: RUNS },
  )
})

it("of a statement with a line less, more or twice, no entry counts that was not there, and none at another amount", () => {
  fc.assert(
    fc.property(
      fc.array(payment, { minLength: 1, maxLength: 6 }),
      fc.nat(),
      fc.boolean(),
      (payments, at, isTwice) => {
        const lines = mt940({ lines: payments.map(lineOf) }).split("\r\n")
        const entries = lines.flatMap((line, index) => (line.startsWith(":61:") ? [index] : []))
        const changed = entries[at % entries.length] ?? 0
        const file = lines
          .toSpliced(changed, isTwice ? 0 : 1, ...(isTwice ? [lines[changed] ?? ""] : []))
          .join("\r\n")
        expect(Result.isFailure(readBankMessage(Buffer.from(file)))).toBe(true)
      },
    ),
    { numRuns: RUNS },
  )
})

it("any bytes are read or refused, and throw nothing else", () => {
  const whole = Buffer.from(
    mt940({ lines: [lineOf({ cents: 1_000n, isReturn: false, form: 0, text: "x" }, 0)] }),
  )
  fc.assert(
    fc.property(
      fc.nat({ max: whole.length - 1 }),
      fc.uint8Array({ minLength: 1, maxLength: 8 }),
      (at, bytes) => {
        const changed = Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at + bytes.length)])
        const outcome = readBankMessage(changed)
        expect(Result.isSuccess(outcome) || outcome.failure._tag === "UnreadableFile").toBe(true)
      },
    ),
    { numRuns: 5 * RUNS },
  )
})
