import { spawnSync } from "node:child_process"
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { beforeEach, describe, expect, test } from "vitest"
import { installDependencies, needsInstall } from "../../infra/dependencies.mjs"
import { missingServers } from "../../infra/servers.mjs"
import { missingTools, TOOLS } from "../../infra/tools.mjs"
import { findPrograms, findTool } from "../../src/dev/embedded-programs.mjs"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))

describe("The npm packages", () => {
  const clone = { path: "" }

  beforeEach(() => {
    clone.path = newFolder()
    writeLock("package-lock.json", {
      "": {},
      "node_modules/node": locked,
      "node_modules/wanted": locked,
      "node_modules/other-platform": { ...locked, optional: true },
    })
    writeLock("node_modules/.package-lock.json", {
      "node_modules/node": locked,
      "node_modules/wanted": locked,
    })
    writeProgram(join(clone.path, "node_modules/node/bin/node"))
    mkdirSync(join(clone.path, "node_modules/wanted"))
  })

  test("are left alone when they are what the lock file says", () => {
    expect(needsInstall(clone.path)).toBe(false)
  })

  test("are installed into a fresh clone", () => {
    rmSync(join(clone.path, "node_modules"), { recursive: true })
    expect(needsInstall(clone.path)).toBe(true)
  })

  test("are installed when the lock file wants another version", () => {
    writeLock("node_modules/.package-lock.json", {
      "node_modules/node": locked,
      "node_modules/wanted": { ...locked, version: "0.9.0" },
    })
    expect(needsInstall(clone.path)).toBe(true)
  })

  test("are installed when one is missing from what npm noted", () => {
    writeLock("node_modules/.package-lock.json", { "node_modules/node": locked })
    expect(needsInstall(clone.path)).toBe(true)
  })

  test("are installed when one is there that the lock file no longer has", () => {
    writeLock("node_modules/.package-lock.json", {
      "node_modules/node": locked,
      "node_modules/wanted": locked,
      "node_modules/dropped": locked,
    })
    mkdirSync(join(clone.path, "node_modules/dropped"))
    expect(needsInstall(clone.path)).toBe(true)
  })

  test("are installed when a folder was deleted by hand", () => {
    rmSync(join(clone.path, "node_modules/wanted"), { recursive: true })
    expect(needsInstall(clone.path)).toBe(true)
  })

  test("are installed when the Node we run on is missing", () => {
    rmSync(join(clone.path, "node_modules/node/bin"), { recursive: true })
    expect(needsInstall(clone.path)).toBe(true)
  })

  test("are not installed through a link, since npm empties the folder that it leads to", () => {
    const shared = newFolder()
    writeFileSync(join(shared, "of-another-clone"), "")
    rmSync(join(clone.path, "node_modules"), { recursive: true })
    symlinkSync(shared, join(clone.path, "node_modules"))
    expect(needsInstall(clone.path)).toBe(true)
    expect(() => installDependencies(clone.path)).toThrow(/node_modules is a link/)
    expect(existsSync(join(shared, "of-another-clone"))).toBe(true)
  })

  const locked = { version: "1.0.0", integrity: "sha512-abc" }

  const writeLock = (file: string, packages: object): void => {
    mkdirSync(join(clone.path, "node_modules"), { recursive: true })
    writeFileSync(join(clone.path, file), JSON.stringify({ packages }))
  }
})

describe("The servers", () => {
  test("are found on the PATH", () => {
    const folder = newFolder()
    for (const program of ["redis-server", "nats-server", "postgres", "initdb"])
      writeProgram(join(folder, program))
    const found = findPrograms(newFolder(), { PATH: folder })
    expect([found.redis, found.postgres, found.nats].map((programs) => programs?.folder)).toEqual([
      folder,
      folder,
      folder,
    ])
  })

  test("are not asked for when their URLs are given", () => {
    const urls = { REDIS_URL: "redis://there", DATABASE_URL: "postgres://there", NATS_URL: "nats://there" }
    expect(missingServers(newFolder(), { PATH: "", ...urls })).toEqual([])
  })

  test("are not missing on a machine on which these tests run", () => {
    const needed = ["REDIS_URL", "DATABASE_URL", "NATS_URL"].some((variable) => !process.env[variable])
    expect(needed ? missingServers(join(ROOT, ".atlaspay"), process.env) : []).toEqual([])
  })
})

describe("The tools of those who run the service", () => {
  const names = (dataDir: string, environment: Readonly<Record<string, string>>) =>
    missingTools(dataDir, "operations", environment).map(({ name }) => name)

  test("are found on the PATH, in one folder", () => {
    const [whole, half] = [newFolder(), newFolder()]
    for (const { programs } of TOOLS.operations) {
      for (const program of programs) writeProgram(join(whole, program))
      writeProgram(join(half, programs[0] ?? ""))
    }
    expect(names(newFolder(), { PATH: whole })).toEqual([])
    expect(findTool(newFolder(), "prometheus", ["prometheus", "promtool"], { PATH: half })?.folder).not.toBe(
      half,
    )
  })

  test("are found where they were unpacked, each in its own folder, beside the servers", () => {
    const dataDir = newFolder()
    for (const tool of TOOLS.operations)
      for (const program of tool.programs)
        writeProgram(join(dataDir, "tools", tool.package, "usr/bin", `own-${program}`))
    const found = TOOLS.operations.map((tool) =>
      findTool(
        dataDir,
        tool.package,
        tool.programs.map((program) => `own-${program}`),
        { PATH: "" },
      ),
    )
    expect(found.map((tool) => tool?.folder)).toEqual(
      TOOLS.operations.map((tool) => join(dataDir, "tools", tool.package, "usr/bin")),
    )
  })

  test("are asked for by a name that the set-up knows", () => {
    const { status, stderr } = spawnSync("node", [join(ROOT, "infra/setup.mjs"), "--with", "wishes"], {
      encoding: "utf8",
    })
    expect(stderr).toContain("--with takes one of operations, not wishes")
    expect(status).toBe(1)
  })
})

describe("A set-up of a clone where nothing is missing", () => {
  test("says nothing and changes nothing", () => {
    const { status, stdout, stderr } = spawnSync("node", [join(ROOT, "infra/setup.mjs")], {
      encoding: "utf8",
    })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" })
  })

  test("stops with one clear message when another user made the data folder", () => {
    const clone = newFolder()
    for (const part of ["infra", "src/dev"]) cpSync(join(ROOT, part), join(clone, part), { recursive: true })
    mkdirSync(join(clone, ".atlaspay"), { mode: 0o555 })
    const { status, stderr } = runAsOrdinaryUser(clone, join(clone, "infra/setup.mjs"))
    expect(stderr).toContain(".atlaspay belongs to another user")
    expect(status).toBe(1)
  })
})

/** Root may write everywhere, so it runs the script as `nobody`, who needs a Node that is within reach. */
const runAsOrdinaryUser = (folder: string, script: string) => {
  if (process.getuid?.() !== 0) return spawnSync(process.execPath, [script], { encoding: "utf8" })
  const node = join(folder, "node")
  cpSync(process.execPath, node)
  const nobody = { uid: 65_534, gid: 65_534, cwd: "/" }
  return spawnSync(node, [script], { encoding: "utf8", ...nobody })
}

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "setup-"))
  chmodSync(folder, 0o755)
  return folder
}

const writeProgram = (file: string): void => {
  mkdirSync(join(file, ".."), { recursive: true })
  writeFileSync(file, "#!/bin/sh\n", { mode: 0o755 })
}
