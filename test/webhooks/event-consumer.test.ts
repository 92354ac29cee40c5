import { expect, it } from "vitest"
import { keep } from "../../src/webhooks/event-consumer.ts"

it("messages that nobody takes are kept up to a limit, and given back for later beyond it", () => {
  const waiting: Array<{ readonly nak: (waitMs?: number) => void }> = []
  const given: Array<number | undefined> = []
  const message = { nak: (waitMs?: number) => void given.push(waitMs) }
  for (let nth = 1; nth <= 1_003; nth += 1) keep(message, waiting)
  expect(waiting).toHaveLength(1_000)
  expect(given).toEqual([1_000, 1_000, 1_000])
})
