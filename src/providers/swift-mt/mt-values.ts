/** Days and amounts as SWIFT's messages write them. What is thrown names the field and quotes nothing. */
import { exponentOf } from "../../domain/currency.ts"
import { UnreadableFile } from "../iso20022/unreadable-file.ts"

export const refuse = (place: string, problem: string): never => {
  throw new UnreadableFile({ place, problem })
}

/** YYMMDD of this century. */
export const dayIn = (text: string, place: string): string => {
  const [, year, month, day] = /^([0-9]{2})([0-9]{2})([0-9]{2})$/.exec(text) ?? []
  const written = `20${year}-${month}-${day}`
  return isDay(written) ? written : refuse(place, "not a date")
}

/** MMDD, in the year in which it is nearest to a day. */
export const dayNear = (near: string, text: string, place: string): string => {
  const year = Number(near.slice(0, 4))
  const days = [year - 1, year, year + 1]
    .map((year) => `${year}-${text.slice(0, 2)}-${text.slice(2)}`)
    .filter(isDay)
  const [nearest] = days.toSorted((one, other) => distance(one, near) - distance(other, near))
  return nearest ?? refuse(place, "not a date")
}

const isDay = (text: string): boolean =>
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text) && new Date(text).toJSON()?.startsWith(text) === true

const distance = (one: string, other: string): number => Math.abs(Date.parse(one) - Date.parse(other))

/** A currency that has payable amounts. */
export const currencyIn = (text: string, place: string): string =>
  exponentOf(text) === undefined ? refuse(place, "not a payable ISO 4217 currency") : text

/** An amount with a decimal comma, in minor units. More decimals than the currency has must be zeros. */
export const minorIn = (text: string, currency: string, place: string): bigint => {
  const exponent = exponentOf(currency) ?? refuse(place, "not a payable ISO 4217 currency")
  const [, whole, fraction = ""] = /^([0-9]{1,15}),([0-9]{0,6})$/.exec(text) ?? []
  if (whole === undefined) return refuse(place, "not an amount with a decimal comma")
  const decimals = fraction.slice(0, exponent).padEnd(exponent, "0")
  return /[1-9]/.test(fraction.slice(exponent))
    ? refuse(place, `${currency} has ${exponent} decimals`)
    : BigInt(whole + decimals)
}
