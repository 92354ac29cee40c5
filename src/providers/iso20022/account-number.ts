/** Numbers of accounts as banks write them. */

const ibanLike = /^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$/

const plain = (number: string | undefined): string => (number ?? "").replaceAll(" ", "").toUpperCase()

/** Whether an account's number has the form of an IBAN, in any case and grouping. */
export const isIbanLike = (account: string | undefined): boolean => ibanLike.test(plain(account))

/**
 * Whether an account is another IBAN than `iban`. Numbers of other kinds are not compared: a bank may have several for one
 * account.
 */
export const isOtherIban = (iban: string | undefined, account: string | undefined): boolean =>
  plain(iban) !== "" && isIbanLike(account) && plain(account) !== plain(iban)

/**
 * A number under which the same account is found in statements of two forms: a German bank writes code and number where another
 * form has the IBAN that is made of them.
 */
export const comparableAccount = (account: string | undefined): string => {
  const written = plain(account)
  const [, bank, number] = /^([0-9]{8})\/([0-9]{1,10})(?:[A-Z]{3})?$/.exec(written) ?? []
  if (bank !== undefined && number !== undefined) return `${bank}${number.padStart(10, "0")}`
  return /^DE[0-9]{20}$/.test(written) ? written.slice(4) : written
}
