/** The items of a batch as a replay shows them at a version. None of it is an account number. */
import { attemptsOf, type Batch, type Item } from "../domain/batch.ts"
import { formatAmount } from "../domain/money.ts"
import { shownItem } from "../domain/shown.ts"
import { aligned } from "../terminal/text-table.ts"

/** `{item, reference, account, currency, amount, state, …, attempts: [{attempt, bank, …}]}`. */
export const itemJson = (item: Item) => {
  const { minor, currency, ...shown } = shownItem(item)
  return {
    ...shown,
    currency,
    amount: formatAmount(minor, currency),
    task: item.task,
    attempts: attemptsOf(item).map(
      ({
        attempt,
        bank,
        reference,
        route,
        phase,
        outcome,
        transferId,
        code,
        category,
        sends,
        inquiries,
      }) => ({
        attempt,
        bank,
        reference,
        route,
        state: outcome ?? phase,
        transferId,
        code,
        category,
        sends,
        inquiries,
      }),
    ),
  }
}

/** A line for each item: number, state, amount, where its money is, what is due, its attempts, and the reason. */
export const itemLines = ({ items }: Batch): ReadonlyArray<string> =>
  aligned(
    [...items.values()].map((item) => {
      const { state, ledger, reason } = shownItem(item)
      const attempts = attemptsOf(item).map(
        ({ attempt, bank, phase, outcome, code }) =>
          `${attempt}. ${bank} ${outcome ?? phase}${code === undefined ? "" : ` ${code}`}`,
      )
      return [
        String(item.item),
        state,
        item.currency,
        formatAmount(item.minor, item.currency),
        `ledger ${ledger}`,
        item.task === "none" ? "at rest" : `due ${item.task}`,
        attempts.join(", "),
        reason ?? "",
      ]
    }),
  )
