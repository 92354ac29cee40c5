/**
 * The states of an item, and what each means to others. A new state is a row here; the compiler then leads to `task.ts`,
 * which says what happens to an item in it, and to everybody who counts, tells or shows items by their states.
 */

/** What a word of the compliance engine still does: it decides, it comes after an intent to pay, or nobody is paid anyway. */
export type WordEffect = "decides" | "alarms" | "nothing"

interface StateMeaning {
  /** Who moves an item on that is in it: a machine, a person, or nobody, where it is an end of the item. */
  readonly movedBy: "machine" | "person" | "nobody"
  readonly word: WordEffect
  /** Whether a clearance that was asked for is still wanted: before the item is sent, or before it goes out again. */
  readonly wantsClearance: boolean
  /** Why it cannot be cancelled any more: from the first intent to pay on, only the bank can say. */
  readonly late: string | undefined
}

const meanings = {
  received: { movedBy: "machine", word: "nothing", wantsClearance: false, late: undefined },
  screening: { movedBy: "machine", word: "decides", wantsClearance: true, late: undefined },
  held: { movedBy: "person", word: "decides", wantsClearance: false, late: undefined },
  rejected: { movedBy: "nobody", word: "nothing", wantsClearance: false, late: "already rejected" },
  cleared: { movedBy: "machine", word: "decides", wantsClearance: false, late: undefined },
  transferring: {
    movedBy: "machine",
    word: "alarms",
    wantsClearance: true,
    late: "already sent to the bank",
  },
  unknown: {
    movedBy: "machine",
    word: "alarms",
    wantsClearance: true,
    late: "already sent to the bank, outcome unknown",
  },
  pending: {
    movedBy: "machine",
    word: "alarms",
    wantsClearance: false,
    late: "already accepted by the bank",
  },
  settled: { movedBy: "nobody", word: "alarms", wantsClearance: false, late: "already settled" },
  failed: { movedBy: "nobody", word: "alarms", wantsClearance: false, late: "already failed" },
  returned: { movedBy: "nobody", word: "alarms", wantsClearance: false, late: "already returned" },
  cancelled: { movedBy: "nobody", word: "nothing", wantsClearance: false, late: "already cancelled" },
  parked: { movedBy: "person", word: "alarms", wantsClearance: false, late: "with the operations team" },
} as const satisfies Readonly<Record<string, StateMeaning>>

export type ItemState = keyof typeof meanings

export const itemStates = Object.keys(meanings) as ReadonlyArray<ItemState>

export const meaningOfState = (state: ItemState): StateMeaning => meanings[state]

type StateMovedBy<Who> = {
  [State in ItemState]: (typeof meanings)[State]["movedBy"] extends Who ? State : never
}[ItemState]

/** The states that end an item. In a closed batch every item is in one, so their totals add up to what was accepted. */
export type ItemEnd = StateMovedBy<"nobody">

/** The states in which no machine moves an item on. */
export type ItemRest = StateMovedBy<"nobody" | "person">

export const isEnd = (state: ItemState): state is ItemEnd => meanings[state].movedBy === "nobody"
export const isRest = (state: ItemState): state is ItemRest => meanings[state].movedBy !== "machine"

/** Whether an operator has to move an item on that is in a state. */
export const isForPerson = (state: ItemState): boolean => meanings[state].movedBy === "person"

export const itemEnds = itemStates.filter(isEnd)
