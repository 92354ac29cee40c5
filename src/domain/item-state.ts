/**
 * The states of an item, and what each means to the rest of the code. Add a new state as a row here. The compiler then
 * leads to `task.ts`, which decides what happens to an item in it, and to all code that counts, publishes or shows states.
 */

/**
 * What an answer of the compliance engine still does to an item: it decides about it, it raises an alarm because there is
 * an intent to pay already, or it changes nothing because the item is not going to be paid.
 */
export type AnswerEffect = "decides" | "alarms" | "nothing"

interface StateMeaning {
  /** Who moves an item out of the state: a machine, a person, or nobody if the state is final. */
  readonly movedBy: "machine" | "person" | "nobody"
  readonly answer: AnswerEffect
  /** Whether a requested clearance is still needed: before the item is sent, or before it is sent again. */
  readonly wantsClearance: boolean
  /** Why the item cannot be cancelled any more. After the first intent to pay, only the bank knows its outcome. */
  readonly late: string | undefined
}

const meanings = {
  received: { movedBy: "machine", answer: "nothing", wantsClearance: false, late: undefined },
  screening: { movedBy: "machine", answer: "decides", wantsClearance: true, late: undefined },
  held: { movedBy: "person", answer: "decides", wantsClearance: false, late: undefined },
  rejected: { movedBy: "nobody", answer: "nothing", wantsClearance: false, late: "already rejected" },
  screened: { movedBy: "machine", answer: "decides", wantsClearance: false, late: undefined },
  transferring: {
    movedBy: "machine",
    answer: "alarms",
    wantsClearance: true,
    late: "already sent to the bank",
  },
  unknown: {
    movedBy: "machine",
    answer: "alarms",
    wantsClearance: true,
    late: "already sent to the bank, outcome unknown",
  },
  pending: {
    movedBy: "machine",
    answer: "alarms",
    wantsClearance: false,
    late: "already accepted by the bank",
  },
  settled: { movedBy: "nobody", answer: "alarms", wantsClearance: false, late: "already settled" },
  failed: { movedBy: "nobody", answer: "alarms", wantsClearance: false, late: "already failed" },
  returned: { movedBy: "nobody", answer: "alarms", wantsClearance: false, late: "already returned" },
  cancelled: { movedBy: "nobody", answer: "nothing", wantsClearance: false, late: "already cancelled" },
  parked: { movedBy: "person", answer: "alarms", wantsClearance: false, late: "with the operations team" },
} as const satisfies Readonly<Record<string, StateMeaning>>

export type ItemState = keyof typeof meanings

/** All states, in the order of the table. */
export const itemStates = Object.keys(meanings) as ReadonlyArray<ItemState>

/** The row of a state. */
export const meaningOfState = (state: ItemState): StateMeaning => meanings[state]

/** The published name of each state: in the API, public events, read models and the command line. */
export type PublicItemState = Exclude<ItemState, "screened"> | "cleared"

/** `screened` was published as `cleared`; all other states have the same name inside and outside. */
export const publicStateOf = (state: ItemState): PublicItemState => (state === "screened" ? "cleared" : state)

const internalStateOf = (state: ItemState | PublicItemState): ItemState =>
  state === "cleared" ? "screened" : state

/** All states by their public names. */
export const publicItemStates: ReadonlyArray<PublicItemState> = itemStates.map(publicStateOf)

type StateMovedBy<Who> = {
  [State in ItemState]: (typeof meanings)[State]["movedBy"] extends Who ? State : never
}[ItemState]

/** The final states. Each item of a closed batch is in one, so their totals add up to the accepted total. */
export type ItemEnd = StateMovedBy<"nobody">

/** The states that no machine moves an item out of. */
export type ItemRest = StateMovedBy<"nobody" | "person">

const moverOf = (state: ItemState | PublicItemState) => meanings[internalStateOf(state)].movedBy

/** Whether a state is final. */
export const isEnd = (state: ItemState | PublicItemState): state is ItemEnd => moverOf(state) === "nobody"

/** Whether no machine moves an item out of a state. */
export const isRest = (state: ItemState | PublicItemState): state is ItemRest => moverOf(state) !== "machine"

/** Whether an operator has to move the item on. */
export const isForPerson = (state: ItemState | PublicItemState): boolean => moverOf(state) === "person"

/** All final states. */
export const itemEnds = itemStates.filter(isEnd)
