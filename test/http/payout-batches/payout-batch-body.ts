/** A payout as a partner asks for it; no account of it is anyone's. */
export const payout = (reference: string, changes: Readonly<Record<string, unknown>> = {}) => ({
  reference,
  amount: { currency: "EUR", value: "12.34" },
  beneficiary: { name: "Erika Mustermann", account: { scheme: "iban", iban: "DE89370400440532013000" } },
  ...changes,
})
