/** How the text of a setting is read, and what is wrong with it. */
import { Array as Arr, Config, Effect, Redacted, Result, Schema, String as Str } from "effect"
import { type DuplicatePolicies, readDuplicatePolicies } from "./domain/duplicate-policy.ts"
import { parseAmount } from "./domain/money.ts"
import { CallbackSecretText } from "./parsing/secret-texts.ts"

/** The settings of a group, so that an error can report all problems of the group. */
export const partsOf = new WeakMap<Config.Config<unknown>, ReadonlyArray<Config.Config<unknown>>>()

/** Like `Config.all`, which reports only the first problem. */
export const all: typeof Config.all = (group) => {
  const config = Config.all(group)
  partsOf.set(config, Object.values(group))
  return config
}

export const count = (name: string, fallback: number, maximum = 10_000_000, minimum = 1) =>
  Config.schema(
    Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum, maximum })),
    name,
  ).pipe(Config.withDefault(fallback))

/** "a=1,b=2" as pairs. */
export const pairs = (name: string) =>
  Config.String(name).pipe(
    Config.map((text) =>
      text.split(",").map((pair) => {
        const [name = "", ...rest] = pair.split("=")
        return [name.trim(), rest.join("=").trim()] as const
      }),
    ),
  )

/** "EUR=100000.00,JPY=15000000" as minor units by currency; empty if it is not set. */
export const amounts = (name: string) =>
  Config.schema(AmountsText, name).pipe(
    Config.map((text) => Object.fromEntries(text.split(",").map(readAmount))),
    Config.withDefault({}),
  )

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
export const duplicatePolicies = (name: string) =>
  Config.schema(DuplicatePoliciesText, name).pipe(
    Config.map((text): DuplicatePolicies => Result.getOrThrow(readDuplicatePolicies(text))),
    Config.withDefault(new Map()),
  )

/** The secret with which one party signs callbacks: "whsec_…". */
export const callbackSecret = (name: string) =>
  Config.schema(CallbackSecretText, name).pipe(
    Config.map((text) => Redacted.make(text)),
    Config.option,
  )

const MillisecondsList = Schema.String.check(
  Schema.isPattern(/^\d{1,10}(,\d{1,10}){0,19}$/, { message: "expected milliseconds such as 5000,30000" }),
)

/** "5000,30000": 1 to 20 durations. */
export const milliseconds = (name: string, fallback: Arr.NonEmptyReadonlyArray<number>) =>
  Config.schema(MillisecondsList, name).pipe(
    Config.map((text): Arr.NonEmptyReadonlyArray<number> => Arr.map(Str.split(text, ","), Number)),
    Config.withDefault(fallback),
  )

/** The problems of a group of settings, one line each. */
export const problemsIn = (config: Config.Config<unknown>): Effect.Effect<ReadonlyArray<string>> => {
  const parts = partsOf.get(config)
  return parts === undefined
    ? Effect.match(config, {
        onFailure: ({ message }) => [message.replaceAll(/\s*\n\s*/g, " ")],
        onSuccess: () => [],
      })
    : Effect.map(Effect.forEach(parts, problemsIn), (problems) => problems.flat())
}
