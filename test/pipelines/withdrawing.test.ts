import { Effect } from "effect"
import { expect, it } from "vitest"
import type { BatchCommand } from "../../src/domain/commands.ts"
import { withdrawing } from "../../src/pipelines/withdrawing.ts"
import type { Withdrawal } from "../../src/providers/banks/bank.ts"
import { ProviderUnavailable } from "../../src/providers/calling/provider-error.ts"
import { accepted, batchId, intent, Story } from "../domain/batch-story.ts"
import { outcomes } from "./pipelines-under-test.ts"

/** Three orders that lie with us are asked back. */
const asked = (): Story => {
  const story = new Story().started(3).posted("hold")
  for (const item of [1, 2, 3]) {
    story.tell(intent(item, 1, { bank: "clearing", withdrawable: true }))
    story.hears(item, accepted)
  }
  story.tell({ _tag: "Cancel", items: [], by: "sam", reason: "by mistake" })
  return story
}

const perform = async (answers: ReadonlyArray<Withdrawal | undefined>) => {
  const told: Array<BatchCommand> = []
  const down = new ProviderUnavailable({ provider: "file-orders", reason: "gone" })
  const withdraw = (bank: string, reference: string) => {
    expect(bank).toBe("clearing")
    const answer = answers[Number(reference.split("-")[1]) - 1]
    return answer === undefined ? Effect.fail(down) : Effect.succeed(answer)
  }
  const { batch } = asked()
  const call = withdrawing({ banks: { withdraw, concurrency: 2 } })
  const end = await Effect.runPromise(
    Effect.exit(call(batchId, batch, [1, 2, 3], (command) => told.push(command))),
  )
  return { end: end._tag, told: outcomes(told) }
}

it("tells of each order whether it could be had", async () => {
  const { end, told } = await perform(["withdrawn", "going-out", "may-have-gone"])
  expect(end).toBe("Success")
  expect([...told].toSorted(([one], [other]) => one - other)).toEqual([
    [1, { _tag: "Withdrawn" }],
    [2, { _tag: "NotWithdrawn", goingOut: true }],
    [3, { _tag: "NotWithdrawn", goingOut: false }],
  ])
})

it("tells what it knows, and is still due, when some cannot be asked", async () => {
  const { end, told } = await perform(["withdrawn", undefined, "may-have-gone"])
  expect(end).toBe("Failure")
  expect([...told.keys()].toSorted()).toEqual([1, 3])
})
