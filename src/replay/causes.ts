/**
 * Why an event is in a log: who said so by which command, which rules and lists decided it, and what a bank, the engine or the ledger
 * answered, as the log has it. It has no account numbers: texts of others were masked when they came, names that people typed are
 * masked here.
 */
import type { BatchEvent } from "../domain/events.ts"
import { masked } from "../domain/masking.ts"
import type { Route } from "../domain/route.ts"

/** A person, or the batch's policy, and the command. Logs of older releases have neither credentials nor ids. */
export interface Commanded {
  readonly by: string
  readonly credential?: string
  readonly commandId?: string
  readonly reason?: string
}

/** How many transfers went to a bank, and by which rule of which version. */
export interface Routed {
  readonly bank: string
  readonly route?: Route
  readonly transfers: number
}

export interface Cause {
  /** `person`; `answer` of a bank, the engine or the ledger; `plan`, what was due; `intake`. */
  readonly kind: "person" | "answer" | "plan" | "intake"
  readonly command?: Commanded
  readonly from?: "bank" | "compliance engine" | "ledger"
  /** The answer, field by field. */
  readonly answer?: Readonly<Record<string, unknown>>
  readonly routed?: ReadonlyArray<Routed>
  /** The version of the rules by which no bank was found. */
  readonly rules?: string
}

/** The cause of an event. */
export const causeOf = (event: BatchEvent): Cause => {
  switch (event._tag) {
    case "BatchReceived": {
      const { submittedBy: by, credential } = event
      return {
        kind: "intake",
        command: commandOf({ by, ...(credential === undefined ? {} : { credential }) }),
      }
    }
    case "ItemsReceived":
      return { kind: "intake" }
    case "ItemsScreened":
    case "ClearancePending":
    case "ClearanceWithdrawn":
      return { kind: "answer", from: "compliance engine", answer: answerIn(event) }
    case "PostingBooked":
    case "PostingRefused":
    case "FundsArrived":
      return { kind: "answer", from: "ledger", answer: answerIn(event) }
    case "TransferAccepted":
    case "TransfersAccepted":
    case "TransferUnknown":
    case "TransferSettled":
    case "TransfersSettled":
    case "TransferFailed":
    case "TransferReturned":
    case "TransferParked":
    case "TransferWithdrawn":
    case "WithdrawalRefused":
    case "LateOutcomeDetected":
      return { kind: "answer", from: "bank", answer: answerIn(event) }
    case "ItemReviewed":
    case "BatchApproved":
    case "ApprovalDeclined":
    case "ItemsCancelled":
    case "CancellationRefused":
    case "CommandRefused":
    case "BatchRescheduled":
    case "WithdrawalsRequested":
    case "ResolutionProposed":
    case "ParkedResolved":
    case "RetryRequested":
      return { kind: isPolicy(event) ? "plan" : "person", command: commandOf(event) }
    case "TransfersRequested":
      return { kind: "plan", routed: routedIn(event.transfers) }
    case "ItemsUnrouted":
      return { kind: "plan", rules: event.version }
    case "ScreeningRequested":
    case "ApprovalExpired":
    case "ExecutionStarted":
    case "PostingRequested":
    case "TransferResent":
    case "RerouteRequested":
    case "BatchClosed":
      return { kind: "plan" }
  }
}

/** The longest list of an answer that a line for people shows. */
const SHOWN_MAX = 3

/** The cause as one line for people; nothing where the event itself says all. */
export const causeLine = ({ kind, command, from, answer, routed, rules }: Cause): string | undefined => {
  const parts = [
    ...(command === undefined ? [] : [commandText(command)]),
    ...(answer === undefined ? [] : [`the ${from} answered ${answerText(answer)}`]),
    ...(routed ?? []).slice(0, SHOWN_MAX).map(routedText),
    ...((routed ?? []).length > SHOWN_MAX ? [`and ${(routed ?? []).length - SHOWN_MAX} more ways`] : []),
    ...(rules === undefined ? [] : [`by rules ${rules}`]),
  ]
  if (parts.length > 0) return parts.join("; ")
  return kind === "plan" ? "due" : undefined
}

const isPolicy = (event: object): boolean =>
  "by" in event && event.by === "policy" && !("credential" in event)

const commandOf = (event: {
  readonly by: string
  readonly credential?: string
  readonly commandId?: string
  readonly reason?: string
}): Commanded => {
  const { by, credential, commandId, reason } = event
  return {
    by: masked(by),
    ...(credential === undefined ? {} : { credential }),
    ...(commandId === undefined ? {} : { commandId }),
    ...(reason === undefined ? {} : { reason }),
  }
}

const commandText = ({ by, credential, commandId, reason }: Commanded): string =>
  [
    `by ${credential ?? by}`,
    ...(commandId === undefined ? [] : [`command ${commandId}`]),
    ...(reason === undefined ? [] : [`because "${reason}"`]),
  ].join(", ")

/** Everything that an answer has but its kind, time and place. */
const answerIn = ({ _tag, at, ...answer }: BatchEvent): Readonly<Record<string, unknown>> => answer

/** `code AC04, evidence callback`. Transfers and decisions that approve are counted, other decisions are told. */
const answerText = ({
  item,
  attempt,
  posting,
  clearance,
  decisions,
  items,
  transfers,
  ...said
}: Readonly<Record<string, unknown>>): string => {
  const told = Object.entries(said).map(([name, value]) => `${name} ${textOf(value)}`)
  return [
    ...told,
    ...(Array.isArray(transfers) ? [`about ${transfers.length} transfers`] : []),
    ...(Array.isArray(decisions) ? decisionTexts(decisions) : []),
  ].join(", ")
}

const textOf = (value: unknown): string => (typeof value === "object" ? JSON.stringify(value) : String(value))

const decisionTexts = (decisions: ReadonlyArray<{ readonly decision: string }>): ReadonlyArray<string> => {
  const objections = decisions.filter(({ decision }) => decision !== "approved")
  const more = objections.length - SHOWN_MAX
  return [
    `${decisions.length - objections.length} approved`,
    ...objections.slice(0, SHOWN_MAX).map((one) => JSON.stringify(one)),
    ...(more > 0 ? [`and ${more} more`] : []),
  ]
}

const routedText = ({ bank, route, transfers }: Routed): string => {
  const others = route?.others ?? []
  const by = route === undefined ? "" : ` by rule ${route.rule} of ${route.version}`
  return `${transfers} to ${bank}${by}${others.length === 0 ? "" : `, then ${others.join(", ")}`}`
}

const routedIn = (
  transfers: ReadonlyArray<{ readonly bank: string; readonly route?: Route }>,
): ReadonlyArray<Routed> =>
  [...Map.groupBy(transfers, ({ bank, route }) => JSON.stringify([bank, route]))].map(
    ([, [first, ...more]]) => ({
      bank: first?.bank ?? "",
      ...(first?.route === undefined ? {} : { route: first.route }),
      transfers: 1 + more.length,
    }),
  )
