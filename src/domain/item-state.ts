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
}

const meanings = {
  received: { movedBy: "machine", word: "nothing", wantsClearance: false },
  screening: { movedBy: "machine", word: "decides", wantsClearance: true },
  held: { movedBy: "person", word: "decides", wantsClearance: false },
  rejected: { movedBy: "nobody", word: "nothing", wantsClearance: false },
  cleared: { movedBy: "machine", word: "decides", wantsClearance: false },
  transferring: { movedBy: "machine", word: "alarms", wantsClearance: true },
  unknown: { movedBy: "machine", word: "alarms", wantsClearance: true },
  pending: { movedBy: "machine", word: "alarms", wantsClearance: false },
  settled: { movedBy: "nobody", word: "alarms", wantsClearance: false },
  failed: { movedBy: "nobody", word: "alarms", wantsClearance: false },
  returned: { movedBy: "nobody", word: "alarms", wantsClearance: false },
  cancelled: { movedBy: "nobody", word: "nothing", wantsClearance: false },
  parked: { movedBy: "person", word: "alarms", wantsClearance: false },
} as const satisfies Readonly<Record<string, StateMeaning>>

export type ItemState = keyof typeof meanings

export const itemStates = Object.keys(meanings) as ReadonlyArray<ItemState>

export const meaningOfState = (state: ItemState): StateMeaning => meanings[state]

/** The states that end an item. In a closed batch every item is in one, so their totals add up to what was accepted. */
export type ItemEnd = {
  [State in ItemState]: (typeof meanings)[State]["movedBy"] extends "nobody" ? State : never
}[ItemState]

export const itemEnds = itemStates.filter(
  (state): state is ItemEnd => meaningOfState(state).movedBy === "nobody",
)
