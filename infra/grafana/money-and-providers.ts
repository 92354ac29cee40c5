/** What moved, and how banks, ledger and compliance engine answer. */
import { type Board, of, perSecond, quantile } from "./board.ts"

export const moneyAndProviders: Board = {
  name: "money-and-providers",
  title: "AtlasPay / Money and providers",
  description: "What moved, and how banks, ledger and compliance engine answer.",
  rows: [
    {
      title: "Money",
      panels: [
        {
          title: "Paid",
          description:
            "Minor units per second that banks reported as paid, by currency and bank. The books are the logs: a process that dies may not have counted what it appended.",
          unit: "short",
          queries: [
            {
              expr: `sum by (currency, bank) (${perSecond("atlaspay_money_moved_minor_total")})`,
              legend: "{{currency}} by {{bank}}",
            },
          ],
        },
        {
          title: "Returned",
          description: "Minor units per second that came back.",
          unit: "short",
          queries: [
            {
              expr: `sum by (currency, bank) (${perSecond("atlaspay_money_returned_minor_total")})`,
              legend: "{{currency}} by {{bank}}",
              silentUnless: "a bank returned a payment",
            },
          ],
        },
        {
          title: "Discrepancies of the last reconciled day",
          description: "Between logs, statements and the ledger. Anything but 0 is unexplained money.",
          unit: "short",
          queries: [
            {
              expr: `max by (kind) (${of("atlaspay_reconciliation_discrepancies")})`,
              legend: "{{kind}}",
              silentUnless: "a day was reconciled",
            },
          ],
        },
        {
          title: "Postings that the ledger refused",
          description: "For lack of funds they are retried. For another reason somebody has to look.",
          unit: "ops",
          queries: [
            {
              expr: `sum by (kind, reason) (${perSecond("atlaspay_postings_refused_total")})`,
              legend: "{{kind}}: {{reason}}",
              silentUnless: "the ledger refused a posting",
            },
          ],
        },
        {
          title: "Payouts accepted before",
          description: "Items that pay the same as an earlier one, by what became of them.",
          unit: "ops",
          queries: [
            {
              expr: `sum by (outcome) (${perSecond("atlaspay_duplicate_payouts_total")})`,
              legend: "{{outcome}}",
              silentUnless: "a partner with a policy posted a payout twice",
            },
          ],
        },
        {
          title: "Without a bank",
          description: "Items that were parked because no rule leads to a bank, in the last hour.",
          unit: "short",
          queries: [{ expr: `sum(increase(${of("atlaspay_unrouted_items_total")}[1h]))`, legend: "items" }],
        },
      ],
    },
    {
      title: "Settlement",
      panels: [
        {
          title: "Time to settle",
          description: "From acceptance to the final state, by scheme: half of the items are within this.",
          unit: "s",
          queries: [
            {
              expr: quantile(0.5, "atlaspay_settlement_seconds", ["scheme"]),
              legend: "{{scheme}}",
              exemplars: true,
            },
          ],
        },
        {
          title: "Time to settle, 95 %",
          description: "95 % of the items are within this.",
          unit: "s",
          queries: [
            {
              expr: quantile(0.95, "atlaspay_settlement_seconds", ["scheme"]),
              legend: "{{scheme}}",
              exemplars: true,
            },
          ],
        },
        {
          title: "Late",
          description: "Items that were final after the time of their scheme.",
          unit: "ops",
          queries: [
            {
              expr: `sum by (scheme) (${perSecond("atlaspay_settlement_late_total")})`,
              legend: "{{scheme}}",
              silentUnless: "an item was late",
            },
          ],
        },
      ],
    },
    {
      title: "Providers",
      panels: [
        {
          title: "Calls",
          description: "Calls per second, by provider and outcome.",
          unit: "ops",
          queries: [
            {
              expr: `sum by (provider, outcome) (${perSecond("atlaspay_provider_calls_total")})`,
              legend: "{{provider}}: {{outcome}}",
            },
          ],
        },
        {
          title: "Time of a call, 95 %",
          description: "To the last byte of the answer.",
          unit: "s",
          queries: [
            {
              expr: quantile(0.95, "atlaspay_provider_call_seconds", ["provider", "step"]),
              legend: "{{provider}} {{step}}",
              exemplars: true,
            },
          ],
        },
        {
          title: "Screening, 95 %",
          description: "From acceptance of an item to the decision of the compliance engine.",
          unit: "s",
          queries: [
            {
              expr: quantile(0.95, "atlaspay_screening_seconds", ["outcome"]),
              legend: "{{outcome}}",
            },
          ],
        },
        {
          title: "Circuit breakers",
          description:
            "0 closed, 1 half open, 2 open. An open one lets no call through: payouts wait or take the next bank.",
          unit: "short",
          queries: [
            { expr: `max by (provider) (${of("atlaspay_provider_breaker")})`, legend: "{{provider}}" },
          ],
        },
        {
          title: "Calls that wait",
          description: "For a place among the calls that a provider may have at a time.",
          unit: "short",
          queries: [
            { expr: `sum by (provider) (${of("atlaspay_provider_waiting")})`, legend: "{{provider}}" },
          ],
        },
        {
          title: "Retries",
          description: "Retried calls, and those that were not retried because the budget was spent.",
          unit: "ops",
          queries: [
            {
              expr: `sum by (provider) (${perSecond("atlaspay_provider_retries_total")})`,
              legend: "{{provider}} retried",
              silentUnless: "a call failed",
            },
            {
              expr: `sum by (provider) (${perSecond("atlaspay_provider_retries_denied_total")})`,
              legend: "{{provider}} denied",
              silentUnless: "a budget was spent",
            },
          ],
        },
        {
          title: "Retry budget",
          description: "Retries that may still be made, of the process that has the fewest.",
          unit: "short",
          queries: [
            { expr: `min by (provider) (${of("atlaspay_provider_retry_budget")})`, legend: "{{provider}}" },
          ],
        },
        {
          title: "Files",
          description: "Written for banks and received from them.",
          unit: "ops",
          queries: [
            {
              expr: `sum by (bank, outcome) (${perSecond("atlaspay_bank_files_total")})`,
              legend: "{{bank}}: {{outcome}}",
              silentUnless: "a bank takes files",
            },
          ],
        },
        {
          title: "Callbacks that match nothing",
          description:
            "Signed reports about transfers and clearances that no log knows, in the last hour. Somebody has to look.",
          unit: "short",
          queries: [
            { expr: `sum(increase(${of("atlaspay_stray_callbacks_total")}[1h]))`, legend: "callbacks" },
          ],
        },
      ],
    },
  ],
}
