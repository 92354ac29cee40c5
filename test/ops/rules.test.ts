/** The rules, by Prometheus' own tool: they are well formed, and each alert fires and does not fire as its tests say. */
import { execFile } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { alerts, ruleTests } from "../infra/alert-rules.ts"
import { PROMETHEUS_FOLDER, prometheusPrograms } from "./prometheus.ts"

const promtool = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { folder, environment } = prometheusPrograms()
  const { stdout } = await promisify(execFile)(join(folder, "promtool"), [...args], {
    cwd: PROMETHEUS_FOLDER,
    env: { PATH: process.env.PATH, ...environment },
  })
  return stdout
}

const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(PROMETHEUS_FOLDER, folder))
    .sort()
    .map((file) => join(folder, file))

describe("promtool", () => {
  it("finds the configuration and all rules well formed", async () => {
    expect(await promtool("check", "config", "prometheus.yml")).not.toContain("FAILED")
    const checked = await promtool("check", "rules", "--lint=all", "--lint-fatal", ...filesIn("rules"))
    expect(checked.match(/SUCCESS/g)).toHaveLength(filesIn("rules").length)
  })

  it.each(filesIn("tests"))("sees alerts fire and stay quiet as %s says", async (file) => {
    expect(await promtool("test", "rules", file)).toContain("SUCCESS")
  })

  it("is given two tests of each alert at least", () => {
    expect(ruleTests.length).toBeGreaterThanOrEqual(2 * alerts.length)
  })
})
