import { join } from "node:path"
import { bank } from "./bank.ts"
import { type CallbackRetry, defaultCallbackRetry } from "./callbacks.ts"
import { complianceEngine } from "./compliance-engine.ts"
import {
  type Identity,
  recallIdentity,
  refuseSecondSandbox,
  rememberIdentity,
  type ServerName,
  serverNames,
} from "./data-folder.ts"
import { ledger } from "./ledger.ts"
import { type Listening, listen, type SandboxServer } from "./server.ts"

/** The secret that the banks sign callbacks with unless another is given. It guards nothing but play money. */
export const sandboxSecret = "whsec_YXRsYXNwYXktc2FuZGJveC1jYWxsYmFja3Mh"

export interface SandboxOptions {
  /** Where journals and ports are kept; without it, books live in memory. */
  readonly data?: string | undefined
  readonly host?: string | undefined
  /** Four ports from here on: compliance, north, south, ledger. Free ones by default. */
  readonly portBase?: number | undefined
  /** Standard Webhooks secret of the callbacks, `whsec_` and base64. */
  readonly secret?: string | undefined
  readonly paymentDelayMs?: number | undefined
  readonly slowMs?: number | undefined
  readonly returnAfterMs?: number | undefined
  /** What each partner has per currency, in whole units of the currency. */
  readonly funds?: bigint | undefined
  readonly callbackRetry?: CallbackRetry | undefined
}

export interface SandboxUrls {
  readonly compliance: string
  readonly banks: { readonly north: string; readonly south: string }
  readonly ledger: string
}

export interface Sandbox {
  readonly urls: SandboxUrls
  close(): Promise<void>
}

/**
 * Starts the outside world: a compliance engine, the banks north and south, and a ledger, each a server of its own.
 * Rejects when a port of `portBase` is taken, when another sandbox runs on the data folder, or a journal is damaged.
 */
export const startSandbox = async (options: SandboxOptions = {}): Promise<Sandbox> => {
  const host = options.host ?? "127.0.0.1"
  const identity = recallIdentity(options.data)
  const opened: { close(): Promise<void> }[] = []
  const close = async () => {
    for (const part of opened.splice(0).reverse()) await part.close()
  }
  const open = async (name: ServerName): Promise<Listening> => {
    const server = createServer(name, options)
    opened.push(server)
    server.app.get("/sandbox", (c) => c.json({ sandboxId: identity.sandboxId, server: name }))
    const listening = await listenAsBefore(name, server, host, options.portBase, identity)
    opened.push(listening)
    server.start()
    return listening
  }
  try {
    await refuseSecondSandbox(host, identity)
    const compliance = await open("compliance")
    const north = await open("north")
    const south = await open("south")
    const books = await open("ledger")
    if (options.data !== undefined) {
      const ports = { compliance: compliance.port, north: north.port, south: south.port, ledger: books.port }
      rememberIdentity(options.data, { ...identity, ports })
    }
    const banks = { north: north.url, south: south.url }
    return { urls: { compliance: compliance.url, banks, ledger: books.url }, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Listens on the port of `portBase`, else on the remembered one, else (or when that is taken) on any free one. */
const listenAsBefore = async (
  name: ServerName,
  { app }: SandboxServer,
  host: string,
  portBase: number | undefined,
  { ports }: Identity,
): Promise<Listening> => {
  if (portBase !== undefined) return listen(app, host, portBase + serverNames.indexOf(name))
  try {
    return await listen(app, host, ports[name] ?? 0)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error
    return listen(app, host, 0)
  }
}

const createServer = (name: ServerName, options: SandboxOptions): SandboxServer => {
  const journalFile = options.data === undefined ? undefined : join(options.data, `${name}.jsonl`)
  const callbacks = {
    secret: options.secret ?? sandboxSecret,
    callbackRetry: options.callbackRetry ?? defaultCallbackRetry,
  }
  switch (name) {
    case "compliance":
      return complianceEngine(journalFile)
    case "ledger":
      return ledger({ ...callbacks, journalFile, funds: options.funds ?? 1_000_000_000_000n })
    default:
      return bank({
        ...callbacks,
        name,
        journalFile,
        paymentDelayMs: options.paymentDelayMs ?? 5,
        slowMs: options.slowMs ?? 2_000,
        returnAfterMs: options.returnAfterMs ?? 500,
      })
  }
}
