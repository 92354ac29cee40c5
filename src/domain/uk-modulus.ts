/**
 * The UK modulus check: whether a British account number can belong to its sort code. Vocalink (Pay.UK), "Validating account
 * numbers: UK modulus checking", version 8.50; the weights are in `uk-modulus-weights.ts`.
 *
 * The fourteen digits of sort code and account number are called u v w x y z a b c d e f g h there, and so they are here.
 */
import { Schema } from "effect"
import { modulusRules, substituteSortCodes } from "./uk-modulus-weights.ts"

/** What becomes of an account that fails the check: nothing, a warning to whoever sent it, or a refusal. */
export const ModulusPolicy = Schema.Literals(["off", "warn", "refuse"])
export type ModulusPolicy = typeof ModulusPolicy.Type

type Method = "MOD10" | "MOD11" | "DBLAL"

interface Check {
  readonly method: Method
  readonly weights: ReadonlyArray<number>
  /** The number of an exception to the method; 0 for none. */
  readonly exception: number
}

/** The checks of the sort codes `from` to `to`. */
interface Rule {
  readonly from: number
  readonly to: number
  readonly first: Check
  readonly second?: Check
}

const readCheck = (text: string): Check => {
  const [method = "", ...numbers] = text.trim().split(/\s+/)
  const exception = numbers.length > DIGITS ? Number(numbers[DIGITS]?.slice(1)) : 0
  return { method: method as Method, weights: numbers.slice(0, DIGITS).map(Number), exception }
}

const DIGITS = 14

const readRule = (text: string): ReadonlyArray<Rule> => {
  const [checks = "", codes = ""] = text.split(":")
  const [first = "", second] = checks.split("&")
  const both = { first: readCheck(first), ...(second === undefined ? {} : { second: readCheck(second) }) }
  return codes
    .trim()
    .split(/\s+/)
    .map((range) => {
      const [from = "", to = from] = range.split("-")
      return { from: Number(from), to: Number(to), ...both }
    })
}

/** In the order of their sort codes; no two overlap. */
const rules: ReadonlyArray<Rule> = modulusRules
  .split(";")
  .flatMap(readRule)
  .sort((a, b) => a.from - b.from)

const substitutes: ReadonlyMap<string, string> = new Map(
  substituteSortCodes
    .trim()
    .split(/\s+/)
    .map((pair) => {
      const [code = "", substitute = ""] = pair.split(">")
      return [code, substitute] as const
    }),
)

const ruleOf = (sortCode: string): Rule | undefined => {
  const code = Number(sortCode)
  let [low, high] = [0, rules.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    const rule = rules[middle]
    if (rule === undefined) return undefined
    if (code < rule.from) high = middle - 1
    else if (code > rule.to) low = middle + 1
    else return rule
  }
  return undefined
}

/** Exceptions of a first check that is enough by itself where it passes, and leaves it to the second where it fails. */
const eitherPasses: ReadonlySet<number> = new Set([2, 10, 12])

/**
 * Whether an account number of eight digits can belong to a sort code of six. True as well for a sort code that the table
 * does not have, and for accounts that the table excepts: those cannot be checked.
 */
export const passesModulusCheck = (sortCode: string, accountNumber: string): boolean => {
  const rule = ruleOf(sortCode)
  if (rule === undefined) return true
  const { first, second } = rule
  const passed = passes(first, sortCode, accountNumber)
  if (second === undefined) return passed
  const isDecided = eitherPasses.has(first.exception) ? passed : !passed
  return isDecided ? passed : passes(second, sortCode, accountNumber)
}

const passes = (check: Check, sortCode: string, account: string): boolean => {
  if (isExcepted(check.exception, account)) return true
  const digits = digitsOf(sortCodeFor(check.exception, sortCode) + account)
  const remainder = remainderOf(check, digits)
  const [g = 0, h = 0] = [digits[12], digits[13]]
  switch (check.exception) {
    case 4:
      return remainder === 10 * g + h
    case 5:
      return check.method === "DBLAL" ? isCheckDigit(10, remainder, h) : isCheckDigit(11, remainder, g)
    case 14:
      return remainder === 0 || passesWithoutLast(check, sortCode, account)
    default:
      return remainder === 0
  }
}

const ZERO = 0x30

const digitsOf = (text: string): ReadonlyArray<number> => {
  const digits: Array<number> = []
  for (let at = 0; at < text.length; at += 1) digits.push(text.charCodeAt(at) - ZERO)
  return digits
}

/** Exceptions 3 and 6: foreign currency and other accounts to which a check does not apply. */
const isExcepted = (exception: number, account: string): boolean => {
  if (exception === 3) return account[2] === "6" || account[2] === "9"
  if (exception !== 6) return false
  const [a = "", g, h] = [account[0], account[6], account[7]]
  return a >= "4" && a <= "8" && g === h
}

/** Exceptions 5, 8 and 9 calculate with another sort code. */
const sortCodeFor = (exception: number, sortCode: string): string => {
  switch (exception) {
    case 5:
      return substitutes.get(sortCode) ?? sortCode
    case 8:
      return "090126"
    case 9:
      return "309634"
    default:
      return sortCode
  }
}

/** Exception 1 stands for a number of the institution in front of the others. */
const INSTITUTION_SUM = 27

const remainderOf = (check: Check, digits: ReadonlyArray<number>): number => {
  const weights = weightsFor(check, digits)
  let sum = 0
  for (let index = 0; index < digits.length; index += 1) {
    const product = (digits[index] ?? 0) * (weights[index] ?? 0)
    sum += check.method === "DBLAL" ? Math.floor(product / 10) + (product % 10) : product
  }
  return (sum + (check.exception === 1 ? INSTITUTION_SUM : 0)) % (check.method === "MOD11" ? 11 : 10)
}

/** The weights u to b are zero: only the last six digits count. */
const LAST_SIX_FROM = 8

const weightsFor = ({ weights, exception }: Check, digits: ReadonlyArray<number>): ReadonlyArray<number> => {
  const [a = 0, b = 0, g] = [digits[6], digits[7], digits[12]]
  if (exception === 2 && a !== 0) return g === 9 ? lastSix(exceptionTwo) : exceptionTwo
  const isForeign = exception === 10 && b === 9 && (a === 0 || a === 9)
  return g === 9 && (exception === 7 || isForeign) ? lastSix(weights) : weights
}

const exceptionTwo = [0, 0, 1, 2, 5, 3, 6, 4, 8, 7, 10, 9, 3, 1]

const lastSix = (weights: ReadonlyArray<number>): ReadonlyArray<number> =>
  weights.map((weight, index) => (index < LAST_SIX_FROM ? 0 : weight))

/** Exception 5: what is missing to the modulus is the check digit. With eleven, a remainder of 1 has none. */
const isCheckDigit = (modulus: 10 | 11, remainder: number, digit: number): boolean =>
  remainder === 0 ? digit === 0 : modulus - remainder === digit

/** Exception 14: an account that ends in 0, 1 or 9 may be an older one, with that digit put after it. */
const passesWithoutLast = (check: Check, sortCode: string, account: string): boolean =>
  /[019]$/.test(account) && remainderOf(check, digitsOf(`${sortCode}0${account.slice(0, -1)}`)) === 0
