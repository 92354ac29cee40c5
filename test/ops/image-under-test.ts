/**
 * The image without a container. The steps of the Dockerfile are carried out in folders that stand for the roots of its stages. What runs from
 * the image runs in a mount namespace of its own where the kernel permits one (unshare): there /opt is that of the image, all
 * of / is read-only but an empty /tmp, and the user is the image's. Where it does not, paths are replaced, and the tree is only closed by its
 * permissions. It is not the base image: libraries and certificates are this machine's.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { chmodSync, cpSync, linkSync, mkdirSync, realpathSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { copy, isSent, lastOf, type Stage, stagesOf, textOf, variablesOf, wordsOf } from "./dockerfile.ts"

const root = join(import.meta.dirname, "../..")
const BUILD_MS_MAX = 180_000
/** Node writes several lines for each file that it loads, when it is asked to. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024
/** Where secrets are mounted, below the root. */
const SECRETS = "run/secrets"
const isRoot = process.getuid?.() === 0

/** Without root, a namespace in which one seems to be root: what it writes is the caller's. */
const unshare = ["unshare", "--mount", ...(isRoot ? [] : ["--map-root-user"])]

/** Whether this machine permits namespaces with mounts of their own. */
export const hasNamespaces = spawnSync(unshare[0] ?? "", [...unshare.slice(1), "true"]).status === 0

/** $1 is the folder that stands for the root; $2 is "read-only" for what runs, and "build" for what builds. */
const enter = `set -e
mount --bind "$1/base" /usr/local/bin
mount --bind "$1/opt" /opt
mount -t tmpfs tmpfs /run
mkdir /run/secrets
mount --bind "$1/run/secrets" /run/secrets
if [ "$2" = read-only ]; then
  mount -o remount,ro,bind /opt
  mount -t tmpfs -o size=64m,mode=1777 tmpfs /tmp
  mount -o remount,ro,bind /
else
  mount --bind "$1/tmp" /tmp
fi
cd "$3"
shift 3
exec "$@"`

export interface Started {
  readonly process: ChildProcess
  /** What it has written so far. */
  output(): string
}

export class ImageUnderTest {
  readonly stage: Stage
  /** The folder that stands for its root. */
  readonly folder: string

  private constructor(stage: Stage, folder: string) {
    this.stage = stage
    this.folder = folder
  }

  /** Carries out all steps of the Dockerfile, below a folder. Fails as a step fails. */
  static build(folder: string): ImageUnderTest {
    const stages = stagesOf(textOf("Dockerfile"))
    const ignored = textOf(".dockerignore")
    const folders = new Map(stages.map(({ name }) => [name, join(folder, name)]))
    for (const stage of stages) {
      const stageFolder = folders.get(stage.name) ?? ""
      layBase(stageFolder)
      const from = (name: string | undefined) => (name === undefined ? root : (folders.get(name) ?? ""))
      carryOut(stage, stageFolder, from, (path) => isSent(ignored, path))
    }
    const last = stages.at(-1)
    if (last === undefined) throw new Error("the Dockerfile has no stage")
    return new ImageUnderTest(last, folders.get(last.name) ?? "")
  }

  /** Starts a command in the image, by default that of CMD, with its variables and those given. */
  start(environment: Readonly<Record<string, string>>, words = wordsOf(lastOf(this.stage, "CMD"))): Started {
    const { program, args, env } = this.#command(environment, words)
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text
      })
    return { process: child, output: () => output }
  }

  /** Mounts secrets as an orchestrator does: each is a file below /run/secrets. Gives the variables that name them. */
  mountSecrets(secrets: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const mounted = join(this.folder, SECRETS)
    chmodSync(mounted, 0o755)
    for (const [name, secret] of Object.entries(secrets))
      writeFileSync(join(mounted, name), `${secret}\n`, { mode: 0o444 })
    return Object.fromEntries(Object.keys(secrets).map((name) => [`${name}_FILE`, `/${SECRETS}/${name}`]))
  }

  /** Runs a command in the image to its end. */
  run(environment: Readonly<Record<string, string>>, words: ReadonlyArray<string>) {
    const { program, args, env } = this.#command(environment, words)
    const { status, stdout, stderr } = spawnSync(program, args, {
      env,
      encoding: "utf8",
      timeout: 60_000,
      maxBuffer: OUTPUT_BYTES_MAX,
    })
    return { status, output: stdout + stderr }
  }

  #command(environment: Readonly<Record<string, string>>, words: ReadonlyArray<string>) {
    const workdir = lastOf(this.stage, "WORKDIR")
    const user = lastOf(this.stage, "USER")
    return commandIn(this.folder, { workdir, user, isBuilding: false }, words, {
      ...variablesOf(this.stage),
      ...environment,
    })
  }
}

/** What the base image has: Node, and npm. */
const layBase = (folder: string): void => {
  const bin = join(folder, "base")
  for (const name of [bin, join(folder, "opt"), join(folder, "tmp"), join(folder, SECRETS)])
    mkdirSync(name, { recursive: true })
  chmodSync(join(folder, "tmp"), 0o1777)
  try {
    linkSync(process.execPath, join(bin, "node"))
  } catch {
    // Another file system.
    cpSync(process.execPath, join(bin, "node"))
  }
  const npm = realpathSync(execFileSync("/bin/sh", ["-c", "command -v npm"], { encoding: "utf8" }).trim())
  cpSync(dirname(dirname(npm)), join(bin, "npm-package"), { recursive: true })
  const place = hasNamespaces ? "/usr/local/bin" : bin
  writeFileSync(join(bin, "npm"), `#!/bin/sh\nexec node ${place}/npm-package/bin/npm-cli.js "$@"\n`, {
    mode: 0o755,
  })
}

const carryOut = (
  stage: Stage,
  folder: string,
  from: (stage: string | undefined) => string,
  sends: (path: string) => boolean,
): void => {
  let [workdir, user] = ["/", "0:0"]
  for (const { instruction, text } of stage.steps) {
    if (instruction === "WORKDIR") {
      workdir = text
      mkdirSync(join(folder, workdir), { recursive: true })
    } else if (instruction === "USER") user = text
    else if (instruction === "COPY") copy(text, { root: folder, workdir, from, sends })
    else if (instruction === "RUN") {
      const { program, args, env } = commandIn(
        folder,
        { workdir, user, isBuilding: true },
        ["sh", "-c", text],
        {
          PATH: "/usr/local/bin:/usr/bin:/bin",
          HOME: process.env.HOME ?? "/tmp",
        },
      )
      execFileSync(program, args, { env, timeout: BUILD_MS_MAX, stdio: ["ignore", "pipe", "pipe"] })
    }
  }
}

interface Place {
  readonly workdir: string
  /** As in the Dockerfile: uid:gid. */
  readonly user: string
  readonly isBuilding: boolean
}

/** How a command is run on this machine as it would be in the image. */
const commandIn = (
  folder: string,
  { workdir, user, isBuilding }: Place,
  words: ReadonlyArray<string>,
  variables: Readonly<Record<string, string>>,
) => {
  const [uid = "", gid = ""] = user.split(":")
  // No way back to more rights, as in a container with allowPrivilegeEscalation: false.
  const asUser = isRoot
    ? ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
    : []
  if (hasNamespaces) {
    const [program = "", ...before] = unshare
    const args = ["sh", "-c", enter, "sh", folder, isBuilding ? "build" : "read-only", workdir]
    return { program, args: [...before, ...args, ...asUser, ...words], env: variables }
  }
  const placed = (text: string) =>
    text
      .replaceAll(/(?<=^|[\s:="])\/(opt|tmp|run)(?=\/)/g, `${folder}/$1`)
      .replaceAll("/usr/local/bin", `${folder}/base`)
  const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, placed(value)]))
  const script = 'cd "$1" && shift && exec "$@"'
  const args = ["-c", script, "sh", placed(workdir), ...asUser, ...words.map(placed)]
  return { program: "/bin/sh", args, env }
}

/** Takes the right to write from everybody, as far as that is in permissions. */
export const closeTree = (folder: string): void => {
  execFileSync("chmod", ["-R", "a-w", folder])
}

/** Gives it back, so that the folder can be removed. */
export const openTree = (folder: string): void => {
  execFileSync("chmod", ["-R", "u+w", folder])
}
