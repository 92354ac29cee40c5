/**
 * The individual identification number of an entry: 15 characters that a bank copies into returns, corrections and acknowledgements.
 * Our references are longer, so it is 15 characters of a hash of the reference: 76 bits that are found again in either store,
 * whatever became of the other one (nacha-files.sql among the migrations has the same rule as an index). A number of two orders
 * has no effect: an operator decides.
 */
import { hash } from "node:crypto"

const LENGTH = 15

/** The number of the order with a reference of ours: upper-case letters and digits. */
export const individualIdOf = (reference: string): string =>
  hash("sha256", reference, "base64").slice(0, LENGTH).replaceAll("+", "0").replaceAll("/", "1").toUpperCase()

/** Whether a text has the form of such a number. */
export const isIndividualId = (text: string): boolean => /^[A-Z0-9]{15}$/.test(text)
