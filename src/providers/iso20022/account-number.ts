/** Numbers of accounts as banks write them. */

const ibanLike = /^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$/

/**
 * Whether an account is another IBAN than `iban`. Numbers of other kinds are not compared: a bank may have several for one
 * account.
 */
export const isOtherIban = (iban: string | undefined, account: string | undefined): boolean => {
  const [own = "", other = ""] = [iban, account].map((number) => number?.replaceAll(" ", "").toUpperCase())
  return own !== "" && ibanLike.test(other) && other !== own
}
