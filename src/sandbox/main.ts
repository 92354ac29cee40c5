import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { serverNames, type TwinName, twinNames } from "./data-folder.ts"
import { type SandboxOptions, startSandbox } from "./sandbox.ts"

const usage =
  "node src/sandbox/main.ts [--data DIR] [--host 127.0.0.1] [--port-base N] [--secret SERVER=whsec_...]...\n" +
  "                         [--payment-delay-ms N] [--slow-ms N] [--return-after-ms N] [--funds N]\n" +
  "                         [--decision-delay-ms N] [--west-key-window-ms N] [--weather FILE|JSON]\n" +
  "                         [--clearing-folder DIR] [--doors FILE|JSON]\n" +
  "                         [--twin NAME]... [--documents DIR]"

const wholeNumber = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new TypeError(`--${name} takes a whole number`)
  return Number(text)
}

/** Reads settings by server, such as the weather `{"north":{"errorsAfter":0.1}}`, from JSON or from a file with it. */
const readByServer = (option: string, given: string | undefined): SandboxOptions["weather"] => {
  if (given === undefined) return undefined
  const text = given.trimStart().startsWith("{") ? given : readFileSync(given, "utf8")
  const byServer: unknown = JSON.parse(text)
  if (typeof byServer !== "object" || byServer === null)
    throw new TypeError(`--${option} takes a JSON object`)
  const unknown = Object.keys(byServer).filter((name) => !serverNames.some((server) => server === name))
  if (unknown.length > 0) throw new TypeError(`--${option}: there is no server ${unknown.join(", ")}`)
  return byServer
}

/** Reads secrets by server, each given as `north=whsec_…`. */
const readSecrets = (given: ReadonlyArray<string> = []): SandboxOptions["secrets"] =>
  Object.fromEntries(
    given.map((pair) => {
      const [name, secret] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]
      const server = serverNames.find((server) => server === name)
      if (server === undefined) throw new TypeError("--secret takes SERVER=whsec_…")
      return [server, secret]
    }),
  )

const readTwins = (given: ReadonlyArray<string> = []): ReadonlyArray<TwinName> =>
  given.map((name) => {
    const twin = twinNames.find((twin) => twin === name)
    if (twin === undefined) throw new TypeError(`--twin takes one of ${twinNames.join(", ")}`)
    return twin
  })

const readOptions = () => {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      host: { type: "string" },
      "port-base": { type: "string" },
      secret: { type: "string", multiple: true },
      "payment-delay-ms": { type: "string" },
      "slow-ms": { type: "string" },
      "return-after-ms": { type: "string" },
      funds: { type: "string" },
      "decision-delay-ms": { type: "string" },
      "west-key-window-ms": { type: "string" },
      weather: { type: "string" },
      "clearing-folder": { type: "string" },
      doors: { type: "string" },
      twin: { type: "string", multiple: true },
      documents: { type: "string" },
    },
  })
  const funds = wholeNumber("funds", values.funds)
  return {
    data: values.data,
    host: values.host,
    portBase: wholeNumber("port-base", values["port-base"]),
    secrets: readSecrets(values.secret),
    paymentDelayMs: wholeNumber("payment-delay-ms", values["payment-delay-ms"]),
    slowMs: wholeNumber("slow-ms", values["slow-ms"]),
    returnAfterMs: wholeNumber("return-after-ms", values["return-after-ms"]),
    funds: funds === undefined ? undefined : BigInt(funds),
    decisionDelayMs: wholeNumber("decision-delay-ms", values["decision-delay-ms"]),
    westKeyWindowMs: wholeNumber("west-key-window-ms", values["west-key-window-ms"]),
    weather: readByServer("weather", values.weather),
    doors: readByServer("doors", values.doors),
    clearingFolder: values["clearing-folder"],
    twins: readTwins(values.twin),
    documents: values.documents,
  }
}

try {
  const sandbox = await startSandbox(readOptions())
  const stop = () => void sandbox.close()
  process.once("SIGTERM", stop)
  process.once("SIGINT", stop)
  console.log(JSON.stringify(sandbox.urls))
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  process.exitCode = 1
}
