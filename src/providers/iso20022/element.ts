/**
 * Looks into a document. Each function takes a path of element names, and the `UnreadableFile` that it throws names that
 * path as its place.
 */
import { Result } from "effect"
import { exponentOf } from "../../domain/currency.ts"
import { parseAmount } from "../../domain/money.ts"
import { type Element, unreadable } from "./xml-reader.ts"

/** The element at a path, or `undefined`. Throws if it occurs twice, because it then has no single meaning. */
export const maybe = (from: Element, ...path: ReadonlyArray<string>): Element | undefined => {
  let current: Element | undefined = from
  for (const name of path) {
    const found: ReadonlyArray<Element> = all(current, name)
    if (found.length > 1) return unreadable(placeOf(from, path), "occurs more than once")
    current = found[0]
    if (current === undefined) return undefined
  }
  return current
}

export const one = (from: Element, ...path: ReadonlyArray<string>): Element =>
  maybe(from, ...path) ?? unreadable(placeOf(from, path), "missing")

export const all = (from: Element, name: string): ReadonlyArray<Element> =>
  from.children.filter((child) => child.name === name)

const placeOf = (from: Element, path: ReadonlyArray<string>): string => [from.name, ...path].join("/")

const TEXT_LENGTH_MAX = 140

/** The text at a path, or `undefined` if there is none. Throws if it is longer than any field that is read here may be. */
export const maybeText = (from: Element, ...path: ReadonlyArray<string>): string | undefined => {
  const text = maybe(from, ...path)?.text
  if (text !== undefined && text.length > TEXT_LENGTH_MAX)
    return unreadable(placeOf(from, path), `longer than ${TEXT_LENGTH_MAX} characters`)
  return text === "" ? undefined : text
}

export const text = (from: Element, ...path: ReadonlyArray<string>): string =>
  maybeText(from, ...path) ?? unreadable(placeOf(from, path), "missing")

export interface Amount {
  readonly currency: string
  /** In minor units; zero is possible. */
  readonly minor: bigint
}

/** The amount at a path. Banks may write more decimals than a currency has, if these are zeros. */
export const amount = (from: Element, ...path: ReadonlyArray<string>): Amount => {
  const element = one(from, ...path)
  const place = placeOf(from, path)
  const currency = element.attributes.Ccy ?? unreadable(place, "no currency")
  if (exponentOf(currency) === undefined) return unreadable(place, "not a payable ISO 4217 currency")
  const plain = plainDecimal(text(from, ...path)) ?? unreadable(place, "not a decimal")
  if (plain === "0") return { currency, minor: 0n }
  const minor = parseAmount(plain, currency)
  return Result.isSuccess(minor) ? { currency, minor: minor.success } : unreadable(place, minor.failure)
}

/** A decimal without leading and trailing zeros, from one as XML writes them: "+1.50", ".5" and "7." as well. */
const plainDecimal = (decimal: string): string | undefined => {
  const [, whole, fraction = ""] = /^\+?(?=\.?[0-9])0*([0-9]*?)(?:\.([0-9]*?)0*)?$/.exec(decimal) ?? []
  if (whole === undefined) return undefined
  return fraction === "" ? whole || "0" : `${whole || "0"}.${fraction}`
}

/** The day at a path with a date, a date with time, or a choice of the two. */
export const maybeDay = (from: Element, ...path: ReadonlyArray<string>): string | undefined => {
  const date = maybeText(from, ...path) ?? maybeText(from, ...path, "Dt") ?? maybeText(from, ...path, "DtTm")
  const day = date?.slice(0, 10)
  return day === undefined || isDay(day) ? day : unreadable(placeOf(from, path), "not a date")
}

const isDay = (text: string): boolean =>
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text) && new Date(text).toJSON()?.startsWith(text) === true
