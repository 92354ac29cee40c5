import { spawn } from "node:child_process"
import { once } from "node:events"
import { describe, expect, it } from "vitest"
import { LogThreshold } from "../../src/telemetry/log-level.ts"
import { LineQueue, WAITING_MAX } from "../../src/telemetry/standard-error.ts"
import { eventually } from "../platform-under-test.ts"

describe("the level of the log", () => {
  it("admits what is as severe or more", () => {
    const threshold = new LogThreshold()
    threshold.begin("warn")
    expect(["Debug", "Info", "Warn", "Fatal"].map((level) => threshold.admits(level as "Info", 0))).toEqual([
      false,
      false,
      true,
      true,
    ])
  })

  it("is that of the settings again after its time", () => {
    const threshold = new LogThreshold()
    threshold.set("debug", 1_000)
    expect(threshold.inForce(999)).toEqual({ level: "debug", usual: "info", until: 1_000 })
    expect(threshold.ordinal(999)).toBe(2)
    expect(threshold.inForce(1_000)).toEqual({ level: "info", usual: "info", until: undefined })
    threshold.set("debug", 3_000)
    threshold.set("info", 5_000)
    expect(threshold.admits("Debug", 2_000)).toBe(false)
  })
})

describe("lines for a slow reader", () => {
  it("wait within a limit, are dropped beyond it, and the loss is confessed", () => {
    const written: Array<string> = []
    let done = () => {}
    let dropped = 0
    const queue = new LineQueue(
      (text, isWritten) => {
        written.push(text)
        done = isWritten
      },
      (lines) => {
        dropped += lines
      },
    )
    queue.add("first")
    const line = "x".repeat(WAITING_MAX / 4)
    for (let n = 0; n < 6; n += 1) queue.add(line)
    expect(written).toEqual(["first\n"])
    done()
    expect(written).toHaveLength(2)
    expect(written[1]?.length).toBeLessThanOrEqual(WAITING_MAX + 8)
    done()
    expect(dropped).toBeGreaterThan(0)
    expect(written.join("")).toContain(`"message":"log lines dropped","lines":${dropped}`)
    queue.add("last")
    done()
    expect(written.join("")).toContain("last\n")
  })

  it("do not hold the process up, nor fill its memory", async () => {
    const program = `
      import { writeLine } from "./src/telemetry/standard-error.ts"
      const line = "y".repeat(1024)
      for (let n = 0; n < 65536; n += 1) writeLine(line)
      console.log("went on " + (process.memoryUsage().rss < 300e6))
      process.stdin.once("data", () => writeLine("the last line"))`
    const process_ = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "pipe" })
    const [said] = await once(process_.stdout.setEncoding("utf8"), "data")
    expect(said).toBe("went on true\n")
    let text = ""
    process_.stderr.setEncoding("utf8").on("data", (part: string) => {
      text += part
    })
    process_.stdin.write("read now\n")
    await eventually(
      "all is read",
      async () => text.includes("log lines dropped") && text.includes("the last line"),
    )
    expect(text.length < 2 * WAITING_MAX).toBe(true)
    process_.kill()
    await once(process_, "close")
  })
})
