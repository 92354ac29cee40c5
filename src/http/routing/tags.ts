/** The groups of operations in the OpenAPI document, in their order. A route belongs to one. */
export const tags = {
  "Payout batches": "Batches of payouts: post, read, approve, cancel, and decide about single items.",
  Drafts: "Batches in the making: add items page by page, look at them, and submit the whole.",
  Reports: "What came of payouts by day, bank and code, and what people did.",
  Proofs: "What shows, offline and without trust in the service, that payouts are in the log as it says.",
  "Webhook endpoints": "The URLs to which a partner's events are delivered.",
  Administration: "For operators: partners, API keys, and the trail of what was done with them.",
  Callbacks: "For banks, the compliance engine and the ledger: signed reports.",
  Operations: "For those who run the service.",
  Documentation: "This document, and a page to read it.",
} as const

export type Tag = keyof typeof tags
