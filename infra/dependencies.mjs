/* The npm packages: checks whether they match the lock file, and installs them if they do not. */
import { accessSync, constants, existsSync, lstatSync, readFileSync } from "node:fs"
import { homedir } from "node:os"
import { basename, join } from "node:path"
import { run, withProgress } from "./command.mjs"

/** Whether node_modules differs from package-lock.json, by npm's own record of what it installed. */
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

/** Installs what the lock file says. npm's warnings about engines concern the Node that runs npm, not ours. */
export const installDependencies = (root) => {
  requireOwn(join(root, "node_modules"))
  withProgress("Installing the npm packages", () => {
    const [command, ...first] = npmCommand(process.env)
    const options = ["ci", "--prefix", root, "--include=dev", "--loglevel=error", "--no-audit", "--no-fund"]
    run(command, [...first, ...options, ...cacheOptions(root)])
    if (needsInstall(root))
      throw new Error("npm ci left node_modules incomplete: did it run with --ignore-scripts?")
  })
}

/** npm ci empties the folder first: of a link, it would empty the folder of another clone. */
const requireOwn = (folder) => {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink())
    throw new Error(
      `${folder} is a link to a folder that is not what package-lock.json says, and another clone may use it.\n` +
        "Remove the link, and the packages are installed here; or install them where it leads to.",
    )
}

/** The npm that runs this script, with its own Node, since the one in node_modules is about to be removed. */
const npmCommand = ({ npm_execpath, npm_node_execpath }) =>
  npm_execpath !== undefined && npm_node_execpath !== undefined && basename(npm_execpath).startsWith("npm")
    ? [npm_node_execpath, npm_execpath]
    : ["npm"]

/** For a user without a writable home folder, npm caches the packages beside the data. */
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
