import { describe, expect, it } from "vitest"
import { eventually, PlatformUnderTest } from "../platform-under-test.ts"
import { QueryRefused, startPrometheus } from "./prometheus.ts"

describe("a Prometheus for tests", () => {
  it("collects what the service shows, and refuses what is no query", async () => {
    await using platform = await PlatformUnderTest.open()
    const service = await platform.start()
    await using prometheus = await startPrometheus([service.operationsUrl])
    await eventually("the service was seen", async () => {
      const [up] = await prometheus.query('up{job="atlaspay"}')
      return up?.value?.[1] === "1"
    })
    expect(await prometheus.brokenRules()).toEqual([])
    await expect(prometheus.query("sum(")).rejects.toThrow(QueryRefused)
  })
})
