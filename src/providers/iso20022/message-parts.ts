/** The long lists of a message, which its thread returns in parts. */
import type { BankMessage } from "./bank-message.ts"
import type { BatchReport, TransferReport, UnreadPart } from "./transfer-report.ts"

interface Lists {
  readonly named: ReadonlyArray<TransferReport>
  readonly batches: ReadonlyArray<BatchReport>
  readonly unread: ReadonlyArray<UnreadPart>
}

/** A message from the thread: first everything but the lists, then the lists, one part for each request. */
export type ThreadMessage =
  | { readonly _tag: "Unreadable"; readonly place: string; readonly problem: string }
  | { readonly _tag: "Message"; readonly message: BankMessage }
  | ({ readonly _tag: "Part"; readonly isLast: boolean } & Lists)

export const listsOf = (message: BankMessage): Lists => ({
  named: message.named,
  batches: ("batches" in message ? message.batches : undefined) ?? [],
  unread: message.unread ?? [],
})

/** The message with other lists. An empty one is left out, but for that of the transfers. */
export const withLists = (message: BankMessage, { named, batches, unread }: Lists): BankMessage => {
  const { batches: _, unread: __, ...rest } = { batches: undefined, ...message }
  return {
    ...rest,
    named,
    ...(batches.length === 0 ? {} : { batches }),
    ...(unread.length === 0 ? {} : { unread }),
  } as BankMessage
}
