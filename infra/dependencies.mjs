/* The npm packages: are they what the lock file says, and if not, make them so. */
import { accessSync, constants, existsSync, readFileSync } from "node:fs"
import { homedir } from "node:os"
import { basename, join } from "node:path"
import { run, tell } from "./command.mjs"

/** Whether node_modules differs from package-lock.json, by what npm itself noted when it installed. */
export const needsInstall = (root) => {
  const wanted = packagesIn(join(root, "package-lock.json"))
  const installed = packagesIn(join(root, "node_modules/.package-lock.json"))
  const paths = Object.keys(installed)
  const complete = Object.entries(wanted).every(
    ([path, { optional }]) => path === "" || optional || path in installed,
  )
  const same = paths.every((path) => isSame(wanted[path], installed[path]) && existsSync(join(root, path)))
  return !complete || !same || !existsSync(join(root, "node_modules/node/bin/node"))
}

/** Installs what the lock file says. The notes about engines are about the Node that runs npm, not about ours. */
export const installDependencies = (root) =>
  tell("Installing the npm packages", () => {
    const [command, ...first] = npmCommand(process.env)
    const options = ["ci", "--prefix", root, "--include=dev", "--loglevel=error", "--no-audit", "--no-fund"]
    run(command, [...first, ...options, ...cacheOptions(root)])
    if (needsInstall(root))
      throw new Error("npm ci left node_modules incomplete: did it run with --ignore-scripts?")
  })

/** The npm that runs this script, with its own Node: the one in node_modules is about to be removed. */
const npmCommand = ({ npm_execpath, npm_node_execpath }) =>
  npm_execpath !== undefined && npm_node_execpath !== undefined && basename(npm_execpath).startsWith("npm")
    ? [npm_node_execpath, npm_execpath]
    : ["npm"]

/** A user without a usable home folder has the packages cached beside the data. */
const cacheOptions = (root) =>
  process.env.npm_config_cache !== undefined || isWritable(homedir())
    ? []
    : ["--cache", join(root, ".atlaspay/npm-cache")]

const isWritable = (folder) => {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

const isSame = (wanted, installed) =>
  wanted !== undefined && wanted.version === installed.version && wanted.integrity === installed.integrity

const packagesIn = (file) => (existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")).packages ?? {}) : {})
