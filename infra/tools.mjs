/*
 * Programs with which tests try what those who run the service get: rules, charts, images. The service needs none of them. They are
 * provided as the servers are: installed for root, and for other users unpacked, each into a folder of its own.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { findTool, UNPACKED_TOOLS } from "../src/dev/embedded-programs.mjs"
import { withProgress } from "./command.mjs"
import { installPackages, unpackPackages } from "./servers.mjs"

/** What `--with` takes, and the tools of each: their programs, which one package of Debian has, and its name for Homebrew. */
export const TOOLS = {
  operations: [
    { name: "Prometheus", programs: ["prometheus", "promtool"], package: "prometheus", brew: "prometheus" },
  ],
}

/** The tools of a kind that are not found on this machine. Throws if there is no such kind. */
export const missingTools = (dataDir, kind, environment) => {
  if (!Object.hasOwn(TOOLS, kind))
    throw new Error(`--with takes one of ${Object.keys(TOOLS).join(", ")}, not ${kind}`)
  return TOOLS[kind].filter(
    (tool) => findTool(dataDir, tool.package, tool.programs, environment) === undefined,
  )
}

/** Makes the missing tools available. Throws with the reason, and with advice what else to do. */
export const provideTools = (dataDir, missing) => {
  for (const tool of missing) {
    const advice = `Not found on this machine: ${tool.name}. Install it (Debian: ${tool.package}; macOS: brew install ${tool.brew})`
    if (!existsSync("/usr/bin/apt-get")) throw new Error(advice)
    try {
      if (process.getuid() === 0)
        withProgress(`Installing ${tool.name}`, () => installPackages([tool.package]))
      else
        withProgress(`Downloading and unpacking ${tool.name}`, () =>
          unpackPackages(dataDir, [tool.package], join(UNPACKED_TOOLS, tool.package)),
        )
    } catch (error) {
      throw new Error(`${error.message}\n${advice}`)
    }
    if (findTool(dataDir, tool.package, tool.programs, process.env) === undefined) throw new Error(advice)
  }
}
