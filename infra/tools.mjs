/*
 * Programs with which tests try what those who run the service get: rules, charts, images. The service needs none of them. They are
 * provided as the servers are: installed for root, and for other users unpacked, each into a folder of its own.
 */
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { findTool, UNPACKED_TOOLS } from "../src/dev/embedded-programs.mjs"
import { withProgress } from "./command.mjs"
import { installPackages, unpackPackages } from "./servers.mjs"

/**
 * What `--with` takes, and the tools of each: their programs, which one package of Debian has, and its name for Homebrew. Some need other
 * packages beside it, of which `files` tells below /usr whether they are there.
 */
export const TOOLS = {
  operations: [
    { name: "Prometheus", programs: ["prometheus", "promtool"], package: "prometheus", brew: "prometheus" },
    // Renders the chart: infra/helm/render.
    {
      name: "Go with Sprig and YAML",
      programs: ["go"],
      package: "golang-go",
      brew: "go",
      beside: ["golang-github-masterminds-sprig-dev", "golang-k8s-sigs-yaml-dev"],
      files: ["share/gocode/src/github.com/Masterminds/sprig", "share/gocode/src/sigs.k8s.io/yaml"],
    },
    // Reads infra/compose.yaml.
    { name: "Compose", programs: ["docker-compose"], package: "docker-compose", brew: "docker-compose" },
  ],
}

/** The tools of a kind that are not found on this machine. Throws if there is no such kind. */
export const missingTools = (dataDir, kind, environment, system = "/usr") => {
  if (!Object.hasOwn(TOOLS, kind))
    throw new Error(`--with takes one of ${Object.keys(TOOLS).join(", ")}, not ${kind}`)
  return TOOLS[kind].filter((tool) => !isWhole(dataDir, tool, environment, system))
}

/** What a tool needs beside it lies with it, or where packages of the system put it: a Go of one's own takes those. */
const isWhole = (dataDir, tool, environment, system) => {
  const found = findTool(dataDir, tool.package, tool.programs, environment)
  if (found === undefined) return false
  const places = [dirname(found.folder), system]
  return (tool.files ?? []).every((file) => places.some((place) => existsSync(join(place, file))))
}

/** Makes the missing tools available. Throws with the reason, and with advice what else to do. */
export const provideTools = (dataDir, missing) => {
  for (const tool of missing) {
    const packages = [tool.package, ...(tool.beside ?? [])]
    const advice = `Not found on this machine: ${tool.name}. Install it (Debian: ${packages.join(" ")}; macOS: brew install ${tool.brew})`
    if (!existsSync("/usr/bin/apt-get")) throw new Error(advice)
    try {
      if (process.getuid() === 0) withProgress(`Installing ${tool.name}`, () => installPackages(packages))
      else
        withProgress(`Downloading and unpacking ${tool.name}`, () =>
          unpackPackages(dataDir, packages, join(UNPACKED_TOOLS, tool.package)),
        )
    } catch (error) {
      throw new Error(`${error.message}\n${advice}`)
    }
    if (!isWhole(dataDir, tool, process.env, "/usr")) throw new Error(advice)
  }
}
