import { parseArgs } from "node:util"
import { startSandbox } from "./sandbox.ts"

const usage =
  "node src/sandbox/main.ts [--data DIR] [--host 127.0.0.1] [--port-base N] [--secret whsec_...]\n" +
  "                         [--payment-delay-ms N] [--slow-ms N] [--return-after-ms N] [--funds N]"

const wholeNumber = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new TypeError(`--${name} takes a whole number`)
  return Number(text)
}

const readOptions = () => {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      host: { type: "string" },
      "port-base": { type: "string" },
      secret: { type: "string" },
      "payment-delay-ms": { type: "string" },
      "slow-ms": { type: "string" },
      "return-after-ms": { type: "string" },
      funds: { type: "string" },
    },
  })
  const funds = wholeNumber("funds", values.funds)
  return {
    data: values.data,
    host: values.host,
    portBase: wholeNumber("port-base", values["port-base"]),
    secret: values.secret,
    paymentDelayMs: wholeNumber("payment-delay-ms", values["payment-delay-ms"]),
    slowMs: wholeNumber("slow-ms", values["slow-ms"]),
    returnAfterMs: wholeNumber("return-after-ms", values["return-after-ms"]),
    funds: funds === undefined ? undefined : BigInt(funds),
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
