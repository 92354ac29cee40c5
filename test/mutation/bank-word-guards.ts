/** The guards around what a bank refuses and what is taken back: in the domain, and, with their tests, around it. */
import type { Guard } from "./domain-guards.ts"
import type { StepGuard } from "./step-guards.ts"

export const bankWordGuards: ReadonlyArray<Guard> = [
  {
    name: "a refusal of a whole file fails no transfer",
    file: "domain/refusal.ts",
    text: "if (whole === true) return true\n",
    without: "",
  },
  {
    name: "a refusal that leads on is confirmed",
    file: "domain/refusal.ts",
    text: "if (meaning.retryable || meaning.reroutable) return true",
    without: "",
  },
  {
    name: "what may be said of a copy is confirmed after a sign that the bank has the order",
    file: "domain/refusal.ts",
    text: "mayHaveIt(transfer) && ",
    without: "false && ",
  },
  {
    name: "what the bank refused is not sent again because it does not know it",
    file: "domain/decide-transfer.ts",
    text: "if (transfer.refusal !== undefined) return neverSeenAfter(item, transfer, at, transfer.refusal)",
    without: "",
  },
  {
    name: "only its own answer is confirmed by a bank that does not know the transfer",
    file: "domain/decide-transfer.ts",
    text: 'if (evidence === "response")\n',
    without: "if (evidence !== undefined)\n",
  },
  {
    name: "what cannot be confirmed is not tried again",
    file: "domain/decide-transfer.ts",
    text: "refused.unconfirmed !== true && ",
    without: "",
  },
  {
    name: "what its partner wants back is not tried again",
    file: "domain/decide-transfer.ts",
    text: ' && transfer.withdrawal?.cause !== "cancellation"',
    without: "",
  },
  {
    name: "a bank that has what it refused contradicts itself",
    file: "domain/decide-transfer.ts",
    text: 'return isNews ? { word: "accepted", evidence } : undefined',
    without: "return isNews ? undefined : undefined",
  },
  {
    name: "an answer that was overtaken is no contradiction",
    file: "domain/decide-transfer.ts",
    text: "askedAt > concludedAt",
    without: "askedAt > 0",
  },
  {
    name: "what is said of a whole contradicts nothing",
    file: "domain/decide-transfer.ts",
    text: "return outcome.whole === true\n        ? undefined",
    without: "return outcome.whole === null\n        ? undefined",
  },
  {
    name: "what is asked back is not sent again",
    file: "domain/decide-transfer.ts",
    text: "if (transfer.withdrawal !== undefined) return []",
    without: "",
  },
  {
    name: "nothing happens to an attempt before it is known whether it can be had back",
    file: "domain/task.ts",
    text: 'if (transfer?.withdrawal !== undefined && transfer.outcome === undefined) return "withdraw"',
    without: "",
  },
  {
    name: "what lies with us is asked back before it is resolved",
    file: "domain/decide-intervention.ts",
    text: "if (mayLieWithUs(about)) {",
    without: "if (about.attempt === 0) {",
  },
  {
    name: "one answer is waited for at a time",
    file: "domain/decide-intervention.ts",
    text: 'if (about.withdrawal !== undefined) return refuse(command, "withdrawal-open", number, [about.attempt])',
    without: "",
  },
  {
    name: "a resolution does not count while the order is about to go out",
    file: "domain/decide-withdrawal.ts",
    text: " && !answer.goingOut)",
    without: ")",
  },
  {
    name: "what never went out is not resolved as settled",
    file: "domain/decide-withdrawal.ts",
    text: 'if (cause === "resolution" && outcome === "failed")',
    without: 'if (cause === "resolution" && outcome !== undefined)',
  },
  {
    name: "withdrawn clearance, and a dispute, take back what lies with us",
    file: "domain/decide-withdrawal.ts",
    text: "    ? askedBack([item], at, { cause, by: POLICY, reason })",
    without: "    ? heldBack(item, at, reason)",
  },
  {
    name: "a strict batch takes back what lies with us",
    file: "domain/decide-intervention.ts",
    text: "(item) => !except.has(item.item) && isAskedBack(item)",
    without: "(item) => item.item === 0 && isAskedBack(item)",
  },
  {
    name: "what may have gone is not asked back again",
    file: "domain/evolve.ts",
    text: "transfer.withdrawable = event.goingOut === true",
    without: "transfer.withdrawable = true",
  },
]

const inbox = "test/bank-files/inbox.test.ts"
const withdrawal = "test/bank-files/withdrawal.test.ts"

export const bankWordStepGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a refusal of a whole file is told as one",
    file: "bank-files/inbox.ts",
    text: 'return { _tag: "Failed", code: word.code, whole: true, evidence }',
    without: 'return { _tag: "Failed", code: word.code, evidence }',
    caughtIn: inbox,
    caughtBy: "a rejected file fails none of its orders but those that it names with a reason",
  },
  {
    name: "an outage may be a copy's",
    file: "connectors/order-words.ts",
    text: "if (meaning.reroutable && meaning.retryable) return false",
    without: "",
    caughtIn: inbox,
    caughtBy: "a refusal beside a sign that the bank has the order is unclear",
  },
  {
    name: "a sign that the bank has the order makes a refusal unclear",
    file: "connectors/order-words.ts",
    text: "return !isAcknowledged || ",
    without: "return true || ",
    caughtIn: inbox,
    caughtBy: "a refusal beside a sign that the bank has the order is unclear",
  },
  {
    name: "who refuses a copy has the order",
    file: "bank-files/bank-news.ts",
    text: 'word.isDuplicate === true ? newsOf(order, { _tag: "Accepted" }) : nothing',
    without: "nothing",
    caughtIn: inbox,
    caughtBy: "a refusal beside a sign that the bank has the order is unclear",
  },
  {
    name: "a batch hears that the bank has what it refused",
    file: "bank-files/inbox.ts",
    text: 'if (word._tag !== "Accepted" || isAgainstRefusal(order))',
    without: 'if (word._tag !== "Accepted")',
    caughtIn: inbox,
    caughtBy: "a batch that was told of a refusal hears that the bank has the order after all",
  },
  {
    name: "an order in a file is not taken back",
    file: "connectors/file-orders-postgres.ts",
    text: "      where file_orders.file is null\n",
    without: "",
    caughtIn: withdrawal,
    caughtBy: "an order that is in a file is not taken back",
  },
  {
    name: "what is withdrawn is in no file",
    file: "connectors/file-orders-postgres.ts",
    text: "set state = case file_orders.state when 'accepted' then 'withdrawn' else file_orders.state end, sealed = null",
    without: "set sealed = null",
    caughtIn: withdrawal,
    caughtBy: "an order that waits is in no file after it was taken back",
  },
  {
    name: "an order that comes after it was withdrawn is refused",
    file: "connectors/file-orders-postgres.ts",
    text: 'if (row?.state === "withdrawn") return orderOf(row)\n',
    without: "",
    caughtIn: withdrawal,
    caughtBy: "an order that is still on its way to us is refused when it comes",
  },
  {
    name: "intents say what can be taken back",
    file: "connectors/bank-routes.ts",
    text: "destination !== undefined && holdsOrders(destination.bank)",
    without: "destination !== undefined && destination === null",
    caughtIn: "test/safety/withdrawals.test.ts",
    caughtBy: "what compliance rejects while it lies with us is never written",
  },
]
