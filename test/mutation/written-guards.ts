/** Guards around what banks are sent: what may be sent to which of them, and what may go on to another one. */
import type { StepGuard } from "./step-guards.ts"

const unsent = "test/domain/decide-unsent.test.ts"
const orders = "test/providers/banks/files/written-orders.test.ts"
const routes = "test/providers/banks/limited-routes.test.ts"

export const writtenGuards: ReadonlyArray<StepGuard> = [
  {
    name: "only what was never to go out but once is taken for unsent",
    file: "domain/refusal.ts",
    text: "attempt.sends === 1 && !mayHaveIt(attempt)",
    without: "true",
    caughtIn: unsent,
    caughtBy: "goes nowhere else when the bank may have it",
  },
  {
    name: "only the answer to the call itself says that nothing was sent",
    file: "domain/refusal.ts",
    text: 'unsent === true && evidence === "response"',
    without: "unsent === true",
    caughtIn: unsent,
    caughtBy: "is not believed of a callback",
  },
  {
    name: "a bank's own refusal leads to no other bank, where its code does not",
    file: "domain/decide-transfer.ts",
    text: "meaning.reroutable || isUnsent(attempt, refused)",
    without: "true",
    caughtIn: unsent,
    caughtBy: "goes nowhere else when it is refused",
  },
  {
    name: "an order is not said to be unsent that may be in a file",
    file: "providers/banks/files/file-orders-postgres.ts",
    text: 'state === "failed" && file === null ? (code ?? undefined)',
    without: 'state === "failed" ? (code ?? undefined)',
    caughtIn: orders,
    caughtBy: "is not said to be unsent",
  },
  {
    name: "an order is not said to be unsent of which its bank reported something",
    file: "providers/banks/files/files.ts",
    text: "reports.length === 1 ? ownRefusal : undefined",
    without: "reports.length > 0 ? ownRefusal : undefined",
    caughtIn: orders,
    caughtBy: "is not said to be unsent",
  },
  {
    name: "a bank's report with the code of our refusal is not taken for ours",
    file: "providers/banks/files/files.ts",
    text: "soleRefusalOf(order) === refusal",
    without: "order.reports.length === 1",
    caughtIn: orders,
    caughtBy: "never said to be unsent on its bank's own report",
  },
  {
    name: "an order is not refused that the log of files has in a file",
    file: "providers/banks/files/withdrawal.ts",
    text: "Result.isFailure(terms.transfer) &&",
    without: "false &&",
    caughtIn: orders,
    caughtBy: "is not refused when the store lost it",
  },
  {
    name: "another address makes another order",
    file: "providers/banks/files/order-seal.ts",
    text: "Object.entries(sealedOf(beneficiary))",
    without: "Object.entries(beneficiary.account)",
    caughtIn: orders,
    caughtBy: "is part of what is ordered",
  },
  {
    name: "the country that is seen of an address is the one that is sealed",
    file: "vault/sealing.ts",
    text: "...(addressCountry === undefined ? [] : [addressCountry]),",
    without: "",
    caughtIn: "test/vault/sealing.test.ts",
    caughtBy: "does not open when another country was seen",
  },
  {
    name: "a payout passes the banks that cannot be sent it",
    file: "providers/banks/bank-routes.ts",
    text: "!unable.includes(bank)",
    without: "true",
    caughtIn: routes,
    caughtBy: "goes to the next bank of its rule",
  },
  {
    name: "a payout is not refused for good that another bank pays at another hour",
    file: "providers/banks/bank-routes.ts",
    text: "![...banks()].some(canCarry)",
    without: "true",
    caughtIn: routes,
    caughtBy: "goes nowhere outside of the hours",
  },
  {
    name: "euros go by SEPA to its countries alone",
    file: "domain/scheme.ts",
    text: 'isInSepa(account.country ?? "", at)',
    without: "true",
    caughtIn: "test/domain/sepa-scheme-countries.test.ts",
    caughtBy: "euros to TR go across borders",
  },
  {
    name: "what no bank can be sent is not accepted",
    file: "http/payout-batches/payout-batch-intake.ts",
    text: "if (problems.length > 0 && (yield* store.read(id, 0, 1)).length === 0)",
    without: "if (problems.length > 1_000)",
    caughtIn: "test/http/payout-batches/intake-limits.test.ts",
    caughtBy: "is refused for",
  },
]
