/**
 * Reads the Dockerfile, so that a test carries out what is written there and nothing else. It knows the instructions that our file has, and
 * refuses others: a step that is not carried out would not be tested.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import { basename, dirname, join, matchesGlob, posix } from "node:path"

export interface Step {
  readonly instruction: string
  /** What follows it, with its continuation lines in one, and with the values of ARG in place of their names. */
  readonly text: string
}

export interface Stage {
  /** Its name, or the number of the stage. */
  readonly name: string
  readonly base: string
  readonly steps: ReadonlyArray<Step>
}

const known = new Set(
  "FROM ARG WORKDIR COPY RUN USER ENV LABEL EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD".split(" "),
)

/** The stages of a Dockerfile, in its order. */
export const stagesOf = (dockerfile: string): ReadonlyArray<Stage> => {
  const args = new Map<string, string>()
  const stages: Array<{ name: string; base: string; steps: Array<Step> }> = []
  for (const { instruction, text: written } of stepsIn(dockerfile)) {
    if (!known.has(instruction))
      throw new Error(`the Dockerfile has ${instruction}, which no test carries out`)
    const text = written.replaceAll(/\$\{(\w+)\}/g, (whole, name) => args.get(name) ?? whole)
    if (instruction === "ARG") {
      const [, name = "", value = ""] = /^(\w+)=(.*)$/.exec(text) ?? []
      args.set(name, value)
    } else if (instruction === "FROM") {
      const [, base = "", name = String(stages.length)] = /^(\S+)(?: AS (\S+))?$/.exec(text) ?? []
      stages.push({ name, base, steps: [] })
    } else stages.at(-1)?.steps.push({ instruction, text })
  }
  return stages
}

const stepsIn = (dockerfile: string): ReadonlyArray<Step> =>
  dockerfile
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [, instruction = "", text = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
      return { instruction, text: text.trim() }
    })

/** The variables of ENV. */
export const variablesOf = ({ steps }: Stage): Readonly<Record<string, string>> =>
  Object.fromEntries(
    steps
      .filter(({ instruction }) => instruction === "ENV")
      .flatMap(({ text }) => text.split(/\s+/))
      .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  )

/** The last of an instruction's texts. Fails if the stage has none. */
export const lastOf = ({ steps }: Stage, instruction: string): string => {
  const found = steps.filter((step) => step.instruction === instruction).at(-1)
  if (found === undefined) throw new Error(`the Dockerfile has no ${instruction}`)
  return found.text
}

/** The words of CMD or HEALTHCHECK in the form of a list, which needs no shell. */
export const wordsOf = (text: string): ReadonlyArray<string> => {
  const words: unknown = JSON.parse(text.slice(text.indexOf("[")))
  if (!Array.isArray(words)) throw new Error(`${text} is not in the form of a list`)
  return words.map(String)
}

/** Whether a file of the project is sent to the builder: the last line of .dockerignore that fits decides. */
export const isSent = (dockerignore: string, path: string): boolean => {
  const lines = dockerignore.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
  // A folder that is left out is left out with all that is in it, unless a later line lets it in again.
  const parents = path.split("/").map((_, end, parts) => parts.slice(0, end + 1).join("/"))
  return lines.reduce((sent, line) => {
    const pattern = line.replace(/^!/, "")
    return parents.some((parent) => matchesGlob(parent, pattern)) ? line.startsWith("!") : sent
  }, true)
}

export interface Copying {
  /** The folder that stands for the root of the stage. */
  readonly root: string
  /** The folder of the stage in which the paths begin. */
  readonly workdir: string
  /** Where the sources are: the root of another stage, or the project. */
  readonly from: (stage: string | undefined) => string
  readonly sends: (path: string) => boolean
}

/**
 * Carries out a COPY: files go into a folder, or are renamed; of a folder, what is in it is copied. All belongs to who copies, which is
 * root for who has the right to give files away: some builders keep the owner of another stage, if `--chown=0:0` does not say otherwise.
 */
export const copy = (text: string, { root, workdir, from, sends }: Copying): void => {
  const words = text.split(/\s+/)
  const flags = words.filter((word) => word.startsWith("--"))
  const stage = flags.find((flag) => flag.startsWith("--from="))?.slice("--from=".length)
  const unknown = flags.filter((flag) => flag !== `--from=${stage}` && flag !== "--chown=0:0")
  if (unknown.length > 0) throw new Error(`COPY ${unknown.join(" ")}, which no test carries out`)
  const paths = words.filter((word) => !word.startsWith("--"))
  const target = paths.at(-1) ?? ""
  for (const source of paths.slice(0, -1)) {
    const path = join(from(stage), source)
    const isInto = /(^\.|\/)$/.test(target)
    const place = posix.join(workdir, target, isInto && statSync(path).isFile() ? basename(source) : "")
    mkdirSync(dirname(join(root, place)), { recursive: true })
    const filter =
      stage === undefined
        ? (file: string) => statSync(file).isDirectory() || sends(posix.relative(from(stage), file))
        : () => true
    cpSync(path, join(root, place), { recursive: true, filter, verbatimSymlinks: true })
  }
}

/** All files below a folder by their paths, with what a change would change: size and time. */
export const filesBelow = (folder: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name)
        const { size, mtimeMs } = statSync(path)
        return [path, `${size} ${mtimeMs}`]
      }),
  )

/** The text of a file of the project. */
export const textOf = (path: string): string => readFileSync(join(import.meta.dirname, "../..", path), "utf8")
