/** The kinds of settings: how a text is read, what is wrong with it, and what people are told that it may be. */
import { Array as Arr, Config, Redacted, Result, Schema, String as Str } from "effect"
import { type DuplicatePolicies, readDuplicatePolicies } from "../domain/duplicate-policy.ts"
import { parseAmount } from "../domain/money.ts"
import { CallbackSecretText } from "../parsing/secret-texts.ts"
import { type Kind, REQUIRED } from "./setting.ts"

export const seconds = 1_000
export const minute = 60 * seconds
export const hour = 60 * minute
export const day = 24 * hour

const grouped = (value: number): string => value.toLocaleString("en-US")

/** Digits, with parts of one: an empty or blank text is no number, though JavaScript takes it for 0. */
export const WrittenNumber = Schema.String.check(Schema.isPattern(/^\d{1,16}(\.\d{1,9})?$/)).pipe(
  Schema.decodeTo(Schema.FiniteFromString),
)

const wholeNumbers = (minimum: number, maximum: number) =>
  WrittenNumber.check(Schema.isInt(), Schema.isBetween({ minimum, maximum }))

/** A whole number. */
export const count = (fallback: number, maximum = 10_000_000, minimum = 1): Kind<number> => ({
  form: maximum === Number.MAX_SAFE_INTEGER ? `from ${minimum}` : `${minimum} to ${grouped(maximum)}`,
  fallback: String(fallback),
  read: (name) => Config.schema(wholeNumbers(minimum, maximum), name).pipe(Config.withDefault(fallback)),
})

/** A time in milliseconds. */
export const duration = (fallback: number, maximum = 10_000_000, minimum = 1): Kind<number> => ({
  ...count(fallback, maximum, minimum),
  form: `${inWords(minimum)} to ${inWords(maximum)}`,
  fallback: fallback < minute ? String(fallback) : `${fallback} (${inWords(fallback)})`,
})

const units = [
  [day, "day"],
  [hour, "hour"],
  [minute, "minute"],
  [seconds, "second"],
] as const

/** "2 hours", "1500 ms". */
export const inWords = (ms: number): string => {
  const [size, unit] = units.find(([size]) => ms >= size && ms % size === 0) ?? []
  if (size === undefined || ms < seconds) return `${grouped(ms)} ms`
  return ms === size ? `1 ${unit}` : `${grouped(ms / size)} ${unit}s`
}

export const text: Kind<string> = { form: "text", fallback: REQUIRED, read: Config.String }

/** The path of a file or a folder. */
export const path: Kind<string> = { ...text, form: "a path" }

/** A URL, which is checked where it is used. It has no password. */
export const url: Kind<string> = { ...text, form: "a URL" }

export const port = (fallback: number): Kind<number> => ({
  form: "a port",
  fallback: String(fallback),
  read: (name) => Config.Port(name).pipe(Config.withDefault(fallback)),
})

/** Off unless it is set to true. */
export const flag: Kind<boolean> = {
  form: "`true` or `false`",
  fallback: "`false`",
  read: (name) => Config.Boolean(name).pipe(Config.withDefault(false)),
}

/** A text of a form that a schema checks. */
export const textOf = <A>(form: string, schema: Schema.ConstraintCodec<A, unknown>): Kind<A> => ({
  form,
  fallback: REQUIRED,
  read: (name) => Config.schema(schema, name),
})

/** One of some words. */
export const oneOf = <A extends string>(
  words: Schema.ConstraintCodec<A, unknown> & { readonly literals: ReadonlyArray<A> },
  fallback: A,
): Kind<A> =>
  orElse(textOf(words.literals.map((word) => `\`${word}\``).join(", "), words), fallback, `\`${fallback}\``)

/** A kind with a value for when nothing is written. */
export const orElse = <A, B>(kind: Kind<A>, value: B, shown: string): Kind<A | B> => ({
  ...kind,
  fallback: shown,
  read: (name) => kind.read(name).pipe(Config.withDefault(value)),
})

export const textOr = (fallback: string): Kind<string> => orElse(text, fallback, `\`${fallback}\``)

/** A kind that may be absent. `otherwise` says what holds then. */
export const optional = <A>(kind: Kind<A>, otherwise = "none") => ({
  ...kind,
  fallback: otherwise,
  read: (name: string) => Config.option(kind.read(name)),
})

/** A kind whose value is made into another one. */
export const mapped = <A, B>(kind: Kind<A>, map: (value: A) => B): Kind<B> => ({
  ...kind,
  read: (name) => Config.map(kind.read(name), map),
})

/** A kind whose text is a secret. */
export const secret = <A>(kind: Kind<A>): Kind<A> => ({ ...kind, secret: "whole" })

/** A secret in any form; the part that uses it checks it. */
export const secretText: Kind<Redacted.Redacted<string>> = secret({ ...text, read: Config.Redacted })

/** The address of a store, with the password for it. */
export const address: Kind<Redacted.Redacted<string>> = {
  ...secretText,
  form: "a URL, with a password",
  secret: "password",
}

/** "a=1,b=2" as pairs. */
export const pairs: Kind<ReadonlyArray<readonly [name: string, value: string]>> = mapped(
  { ...text, form: "pairs, with commas" },
  (text) =>
    text.split(",").map((pair) => {
      const [name = "", ...rest] = pair.split("=")
      return [name.trim(), rest.join("=").trim()] as const
    }),
)

/** "EUR=100000.00,JPY=15000000" as minor units by currency; empty if it is not set. */
export const amounts: Kind<Readonly<Record<string, bigint>>> = {
  form: "amounts by currency",
  fallback: "none",
  read: (name) =>
    Config.schema(AmountsText, name).pipe(
      Config.map((text) => Object.fromEntries(text.split(",").map(readAmount))),
      Config.withDefault({}),
    ),
}

const readAmount = (pair: string): readonly [string, bigint] => {
  const [currency = "", value = ""] = pair.split("=")
  return [currency, Result.getOrElse(parseAmount(value, currency), () => 0n)]
}

const AmountsText = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      text.split(",").every((pair) => readAmount(pair)[1] > 0n) || "expected amounts such as EUR=100000.00",
  ),
)

const DuplicatePoliciesText = Schema.String.check(
  Schema.makeFilter((text: string) =>
    Result.match(readDuplicatePolicies(text), { onSuccess: () => true, onFailure: (problem) => problem }),
  ),
)

/** "acme=refuse:30,*=warn:7" as policies by partner; none if it is not set. */
export const duplicatePolicies: Kind<DuplicatePolicies> = {
  form: "policies by partner",
  fallback: "none",
  read: (name) =>
    Config.schema(DuplicatePoliciesText, name).pipe(
      Config.map((text): DuplicatePolicies => Result.getOrThrow(readDuplicatePolicies(text))),
      Config.withDefault(new Map()),
    ),
}

/** The secret with which one party signs callbacks: "whsec_…". */
export const callbackSecret = secret(
  mapped(textOf("`whsec_…`", CallbackSecretText), (text) => Redacted.make(text)),
)

const MillisecondsList = Schema.String.check(
  Schema.isPattern(/^\d{1,10}(,\d{1,10}){0,19}$/, { message: "expected milliseconds such as 5000,30000" }),
)

/** "5000,30000": 1 to 20 times in milliseconds. */
export const durations = (
  fallback: Arr.NonEmptyReadonlyArray<number>,
): Kind<Arr.NonEmptyReadonlyArray<number>> =>
  orElse(
    mapped(
      textOf("1 to 20 times", MillisecondsList),
      (text): Arr.NonEmptyReadonlyArray<number> => Arr.map(Str.split(text, ","), Number),
    ),
    fallback,
    `\`${fallback.join(",")}\``,
  )
