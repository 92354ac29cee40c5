/** Runs a `curl` command of a page as a shell does, and gives the answer. */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

export interface CurlAnswer {
  readonly status: number
  readonly contentType: string
  readonly text: string
}

/** Longer than any answer takes, a stream included. */
const ANSWER_S_MAX = 30
const ANSWER_BYTES_MAX = 8 * 1024 * 1024

const root = fileURLToPath(new URL("../..", import.meta.url))
const standIn = fileURLToPath(new URL("./curl-stand-in.ts", import.meta.url))

/** Whether the machine has curl. Without it a stand-in makes the same requests, for the options that the pages use. */
export const hasCurl = async (): Promise<boolean> => {
  try {
    await promisify(execFile)("curl", ["--version"])
    return true
  } catch {
    return false
  }
}

const programs = {
  curl: `command curl --no-progress-meter --include --max-time ${ANSWER_S_MAX} "$@"`,
  standIn: '"$NODE" "$STAND_IN" "$@"',
}

/**
 * Runs a command in the root of the project, with variables for the shell. Rejects if it fails: a URL that nobody answers,
 * an option that does not exist, a file that is missing.
 */
export const runCurl = async (
  command: string,
  variables: Readonly<Record<string, string>>,
  program: keyof typeof programs = "curl",
): Promise<CurlAnswer> => {
  const { stdout } = await promisify(execFile)(
    "sh",
    ["-euc", `curl() { ${programs[program]}; }\n${command}`],
    {
      cwd: root,
      env: { PATH: process.env.PATH, NODE: process.execPath, STAND_IN: standIn, ...variables },
      timeout: 2 * ANSWER_S_MAX * 1_000,
      maxBuffer: ANSWER_BYTES_MAX,
    },
  )
  return answerIn(stdout)
}

/** The last answer in what `--include` prints: interim ones (RFC 9110, 15.2) come before it. */
const answerIn = (printed: string): CurlAnswer => {
  const [, status = "", head = "", text = ""] = /^HTTP\/[\d.]+ (\d{3})(.*?)\r\n\r\n(.*)$/s.exec(printed) ?? []
  if (status.startsWith("1")) return answerIn(text)
  if (status === "") throw new Error(`no answer: ${printed.slice(0, 200)}`)
  const contentType = /^content-type: *([^;\r]+)/im.exec(head)?.[1] ?? ""
  return { status: Number(status), contentType, text }
}
