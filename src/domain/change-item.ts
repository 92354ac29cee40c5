/** The only way in which events change an item that is in the batch: its task, counts and indexes follow from what was changed. */
import { type Batch, type Item, itemOf, type Tally } from "./batch.ts"
import { waitsForAnswer } from "./clearance.ts"
import { enterIndex, leaveIndex } from "./due-index.ts"
import type { ItemState } from "./item-state.ts"
import { taskOf } from "./task.ts"

/** Adds an item that was received. */
export const addItem = (batch: Batch, item: Item): void => {
  batch.items.set(item.item, item)
  batch.tasks.submit.add(item.item)
  const tally = tallyOf(talliesOf(batch, item.currency), item.state)
  tally.count += 1
  tally.minor += item.minor
}

/** What follows from changes, so that nobody else sets it: {@link enter} sets a state, and {@link change} the task. */
type Derived = "state" | "since" | "task" | "place"

/** An item that is being changed. */
export type ChangingItem = Omit<Item, Derived> & Readonly<Pick<Item, Derived>>

/**
 * Changes an item by `edit`, in place. Throws if the batch has no such item. Fields are set one by one: to copy an object of changes
 * onto each item takes a quarter of a fold.
 */
export const change = (batch: Batch, number: number, edit: (item: ChangingItem) => void): Batch =>
  changeBy(batch, number, edit, undefined)

const changeBy = <About>(
  batch: Batch,
  number: number,
  edit: (item: ChangingItem, about: About) => void,
  about: About,
): Batch => {
  const item = itemOf(batch, number)
  leaveIndex(batch, item)
  edit(item, about)
  if (item.asked !== undefined && !waitsForAnswer(item)) item.asked = undefined
  const task = taskOf(item)
  if (task !== item.task) {
    batch.tasks[item.task].delete(number)
    batch.tasks[task].add(number)
    item.task = task
    if (task === "request") item.place = ++batch.placeCount
  }
  if (task !== "book" && task !== item.refusal?.kind) item.refusal = undefined
  enterIndex(batch, item)
  return batch
}

/** Changes items in the same way. */
export const changeAll = (
  batch: Batch,
  items: Iterable<number>,
  edit: (item: ChangingItem) => void,
): Batch => {
  for (const item of items) change(batch, item, edit)
  return batch
}

/** Changes the items that entries of an event are about, each by its own entry. */
export const changeEach = <Entry extends { readonly item: number }>(
  batch: Batch,
  entries: ReadonlyArray<Entry>,
  edit: (item: ChangingItem, entry: Entry) => void,
): Batch => {
  for (const entry of entries) changeBy(batch, entry.item, edit, entry)
  return batch
}

/** Sets the state of an item that is being changed, and why it has it; also if it is the same state again. */
export const enter = (batch: Batch, item: Item, state: ItemState, reason: Item["reason"]): void => {
  if (state !== item.state) {
    const tallies = talliesOf(batch, item.currency)
    const [left, entered] = [tallyOf(tallies, item.state), tallyOf(tallies, state)]
    left.count -= 1
    left.minor -= item.minor
    entered.count += 1
    entered.minor += item.minor
  }
  item.proposal = undefined
  if (state === "held" || state === "parked") item.attended = true
  item.state = state
  item.reason = reason
  item.since = batch.version
}

type Tallies = Map<ItemState, Tally>

const talliesOf = ({ tallies }: Batch, currency: string): Tallies =>
  tallies.get(currency) ?? kept(tallies, currency, new Map())

const tallyOf = (tallies: Tallies, state: ItemState): Tally =>
  tallies.get(state) ?? kept(tallies, state, { count: 0, minor: 0n })

const kept = <K, V>(map: Map<K, V>, key: K, made: V): V => {
  map.set(key, made)
  return made
}
