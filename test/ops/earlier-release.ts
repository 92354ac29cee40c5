/**
 * The sources of the release before, from this repository's own history, and of this one, each in a folder of its own.
 *
 * When a release is made, its commit takes the place of the one here: releases promise each other to work side by side with the
 * one before and the one after, and no others.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, symlinkSync } from "node:fs"
import { join, resolve } from "node:path"

/** The last commit of the release before this one. */
export const RELEASE_BEFORE = "4cf96bc6"

/** The number of its last migration. */
export const MIGRATION_BEFORE = 40

const files = ["src", "package.json"]

/** Puts the release before into a folder. Its packages are those of this one, which has them all. */
export const releaseBefore = (folder: string): string => {
  mkdirSync(folder, { recursive: true })
  const git = (...args: ReadonlyArray<string>) => execFileSync("git", args, { maxBuffer: 256 * 1024 * 1024 })
  try {
    git("cat-file", "-e", `${RELEASE_BEFORE}^{commit}`)
  } catch (cause) {
    throw new Error(
      `the release before, ${RELEASE_BEFORE}, is not in this repository's history: a shallow clone lacks it (git fetch --unshallow)`,
      { cause },
    )
  }
  execFileSync("tar", ["-x", "-C", folder], { input: git("archive", RELEASE_BEFORE, ...files) })
  return withPackages(folder)
}

/** Puts this release into a folder. */
export const thisRelease = (folder: string): string => {
  mkdirSync(folder, { recursive: true })
  for (const file of files) cpSync(file, join(folder, file), { recursive: true })
  return withPackages(folder)
}

const withPackages = (folder: string): string => {
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"))
  return folder
}
