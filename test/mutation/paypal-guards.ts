/** Guards around payout batches at PayPal: each is made once, and only what is about it is believed. */
import type { StepGuard } from "./step-guards.ts"

const payouts = "test/providers/banks/paypal/payouts.test.ts"
const inDoubt = "test/providers/banks/paypal/payouts-in-doubt.test.ts"
const webhooks = "test/providers/banks/paypal/webhooks.test.ts"
const sending = "providers/banks/paypal/payout-sending.ts"
const polling = "providers/banks/paypal/payout-polling.ts"

export const payPalGuards: ReadonlyArray<StepGuard> = [
  {
    name: "nothing is posted under an id that PayPal may have forgotten",
    file: sending,
    text: "return !(now - since < POST_WINDOW_MS)",
    without: "return now < since",
    caughtIn: payouts,
    caughtBy: "posts nothing under an id that PayPal may have forgotten",
  },
  {
    name: "other orders are not posted under an id that was posted",
    file: sending,
    text: "if (!staged.endsWith(",
    without: "if (staged === '' && !staged.endsWith(",
    caughtIn: payouts,
    caughtBy: "posts other orders under no id that was posted",
  },
  {
    name: "a payout batch is not posted again after it was refused",
    file: sending,
    text: "if (refusal !== undefined) return yield* park(file, refusal.code)",
    without: "",
    caughtIn: inDoubt,
    caughtBy: "although Redis lost the refusal",
  },
  {
    name: "the log keeps the refusal of a payout batch",
    file: sending,
    text: "yield* conclude(file, yield* (yield* FileLog).stage(bank.name, field, refusedWith(answer.code)))",
    without: "yield* park(file, answer.code + field.slice(field.length))",
    caughtIn: inDoubt,
    caughtBy: "is not posted when Postgres comes back without the refusal",
  },
  {
    name: "a payout batch that was made and refused at once is asked about",
    file: sending,
    text: "if (decided !== payoutBatchId && refusalIn(decided) === undefined)",
    without: "if (decided !== payoutBatchId)",
    caughtIn: inDoubt,
    caughtBy: "is asked about if another process was told that it was made",
  },
  {
    name: "Postgres gets the stage back that it lost",
    file: sending,
    text: "yield* (yield* OutboxFiles).stage(file, staged)",
    without: "",
    caughtIn: inDoubt,
    caughtBy: "gives Postgres back the stage",
  },
  {
    name: "withdrawn orders are not in a stage that Postgres gets back",
    file: sending,
    text: "yield* takeOutWithdrawn(file.bank, file)",
    without: "",
    caughtIn: inDoubt,
    caughtBy: "without the orders that were withdrawn before it",
  },
  {
    name: "a payout batch that has an id is found in a detail",
    file: "providers/banks/paypal/payouts-api.ts",
    text: "[links, ...linksIn(details)]",
    without: "[links, ...linksIn([])]",
    caughtIn: payouts,
    caughtBy: "when the answer is lost",
  },
  {
    name: "somebody else's payout batch is not taken for ours",
    file: sending,
    text: 'page.items.every(({ payout_item: { sender_item_id } }) => references.has(sender_item_id ?? ""))',
    without: "true",
    caughtIn: payouts,
    caughtBy: "does not take somebody else's payout batch for its own",
  },
  {
    name: "a bank keeps its PayPal account",
    file: sending,
    text: "files.isFolderOf(bank.name,",
    without: "files.isFolderOf(bank.name + bank.account,",
    caughtIn: payouts,
    caughtBy: "sends nothing from another PayPal account",
  },
  {
    name: "an item counts only with the amount of its order",
    file: polling,
    text: "amount.currency === currency && Result.isSuccess(read) && read.success === minor",
    without: "amount.currency === currency && Result.isSuccess(read) && minor > 0n",
    caughtIn: payouts,
    caughtBy: "does not believe an item with another amount",
  },
  {
    name: "a page counts only of the payout batch that was asked for",
    file: polling,
    text: "page.senderBatchId === payout.messageId &&",
    without: "",
    caughtIn: payouts,
    caughtBy: "or a page of another payout batch",
  },
  {
    name: "an order that PayPal's payout batch lacks is parked",
    file: polling,
    text: "if (isWhole && hasEnded(status) && missing.length > 0) yield* miss(payout, status, missing)",
    without: "",
    caughtIn: payouts,
    caughtBy: "parks what PayPal's payout batch lacks",
  },
  {
    name: "a payout batch that lacks orders is asked about further",
    file: polling,
    text: " && read.missing.length === 0",
    without: "",
    caughtIn: inDoubt,
    caughtBy: "asks again about a payout batch that lacks an order",
  },
  {
    name: "a webhook is signed with its body",
    file: "providers/banks/paypal/webhooks.ts",
    text: "crc32(body)",
    without: "crc32(Buffer.from('{}'))",
    caughtIn: webhooks,
    caughtBy: "is that of the pinned key",
  },
  {
    name: "a webhook alone fails nothing",
    file: "providers/banks/paypal/webhooks.ts",
    text: ' || status === "FAILED"',
    without: "",
    caughtIn: webhooks,
    caughtBy: "never that something failed",
  },
]
