import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect } from "vitest"

/** Runs `bench/<name>.ts` with a data folder of its own, and gives its report: the last line, which is JSON. */
export const reportOf = async (name: string, ...args: ReadonlyArray<string>): Promise<unknown> => {
  const program = fileURLToPath(new URL(`../../bench/${name}.ts`, import.meta.url))
  const folder = mkdtempSync(join(tmpdir(), `atlaspay-bench-${name}-`))
  try {
    const child = spawn(process.execPath, [program, "--data-dir", folder, "--json", ...args])
    const [stdout, stderr] = [child.stdout.toArray(), child.stderr.toArray()]
    const [code] = await once(child, "close")
    expect(code, (await stderr).join("")).toBe(0)
    return JSON.parse((await stdout).join("").trim().split("\n").at(-1) ?? "")
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
