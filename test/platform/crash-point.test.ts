import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterPoint } from "../../src/platform/crash-point.ts"

it.effect("goes on once a crash point was passed, and at once where nothing happens there", () =>
  Effect.gen(function* () {
    const order: Array<string> = []
    const passed = Effect.sync(() => order.push("passed")).pipe(Effect.asVoid)
    const goOn = afterPoint(passed, () => order.push("went on"))
    assert.deepStrictEqual(order, [])
    yield* goOn
    assert.deepStrictEqual(order, ["passed", "went on"])
    assert.strictEqual(
      afterPoint(Effect.void, () => order.push("went on again")),
      Effect.void,
    )
    assert.deepStrictEqual(order, ["passed", "went on", "went on again"])
  }),
)
