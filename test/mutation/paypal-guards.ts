/** Guards around payout batches at PayPal: each is made once, and only what is about it is believed. */
import type { StepGuard } from "./step-guards.ts"

const payouts = "test/providers/banks/paypal/payouts.test.ts"
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
    text: 'if (orders.some(({ reports }) => reports.some(({ _tag }) => _tag === "Refused")))',
    without: "if (orders.length < 0)",
    caughtIn: payouts,
    caughtBy: "refused as a whole, and posts it no more",
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
