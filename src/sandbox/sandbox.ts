import { join } from "node:path"
import { adyenTwin } from "./adyen.ts"
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
  type TwinName,
  twinNames,
} from "./data-folder.ts"
import { directly } from "./direct-posts.ts"
import { behindDoor, type Door, isOpen, readDoor } from "./door.ts"
import { fileBank } from "./file-bank.ts"
import { formanceLedger } from "./formance-ledger.ts"
import { InterbankOrders } from "./interbank-orders.ts"
import { ledger } from "./ledger.ts"
import { type Listening, listen, type Served } from "./listening.ts"
import { paypal } from "./paypal.ts"
import { heldTo, obeying } from "./published.ts"
import type { SandboxServer } from "./server.ts"
import { watchmanServer } from "./watchman-server.ts"
import { underWeather, WeatherStation } from "./weather-station.ts"
import { westBank } from "./west-bank.ts"
import { yenteServer } from "./yente-server.ts"

/** The default secret with which a server signs its callbacks. It protects nothing but play money. */
export const sandboxSecretOf = (server: ServerName): string =>
  `whsec_${Buffer.from(`atlaspay-sandbox-${server}-callbacks!`).toString("base64")}`

/** The twins that sign callbacks with a secret. */
const signingTwins: ReadonlyArray<TwinName> = ["adyen"]

/** The secrets of the banks that send callbacks, in the format of BANK_CALLBACK_SECRET: with those of these twins. */
export const sandboxBankSecretsWith = (twins: ReadonlyArray<TwinName>): string =>
  (["north", "south", ...signingTwins.filter((twin) => twins.includes(twin))] as const)
    .map((bank) => `${bank}=${sandboxSecretOf(bank)}`)
    .join(",")

export const sandboxBankSecrets = sandboxBankSecretsWith([])

export interface SandboxOptions {
  /** The folder for journals and ports; without it, the books are in memory. */
  readonly data?: string | undefined
  readonly host?: string | undefined
  /** Six consecutive ports from this one: compliance, north, south, ledger, west, clearing. Free ones by default. */
  readonly portBase?: number | undefined
  /** Standard Webhooks secrets for callbacks by server, `whsec_` and base64, where they are not the default ones. */
  readonly secrets?: { readonly [Server in ServerName]?: string } | undefined
  readonly paymentDelayMs?: number | undefined
  readonly slowMs?: number | undefined
  readonly returnAfterMs?: number | undefined
  /** The folder in which the bank `clearing` exchanges files with its client; without it that bank does not exist. */
  readonly clearingFolder?: string | undefined
  /** How long west remembers idempotency keys. */
  readonly westKeyWindowMs?: number | undefined
  /** From "pending" to the decision of the compliance engine. */
  readonly decisionDelayMs?: number | undefined
  /** The weather at the start, by server. It is unknown, because it comes from outside and is checked at the start. */
  readonly weather?: { readonly [Server in ServerName]?: unknown } | undefined
  /** The doors of the servers; unknown, for the same reason. Without one, a server is open to all. */
  readonly doors?: { readonly [Server in ServerName]?: unknown } | undefined
  /** What each partner has per currency, in whole units of the currency. */
  readonly funds?: bigint | undefined
  /** Twins of real providers that run beside the servers of the sandbox. */
  readonly twins?: ReadonlyArray<TwinName> | undefined
  /** The folder with the OpenAPI documents that the providers published, to which the twins are held; without it they are not. */
  readonly documents?: string | undefined
  /** Where twins notify, as their provider's own settings would say; `PUT /sandbox/webhook` of a twin sets another one. */
  readonly webhookUrls?: { readonly [Twin in TwinName]?: string } | undefined
  readonly callbackRetry?: CallbackRetry | undefined
}

export interface SandboxUrls {
  readonly compliance: string
  readonly banks: {
    readonly north: string
    readonly south: string
    readonly west: string
    readonly clearing?: string
  }
  readonly ledger: string
  /** The twins that were asked for. */
  readonly twins?: { readonly [Twin in TwinName]?: string }
}

export interface Sandbox {
  readonly urls: SandboxUrls
  close(): Promise<void>
}

/**
 * Starts the providers: a compliance engine, the banks north, south and west, and a ledger, each its own server. Rejects if a
 * port from `portBase` is taken, if another sandbox runs on the data folder, or if a journal or the weather is unreadable.
 */
export const startSandbox = async (options: SandboxOptions = {}): Promise<Sandbox> => {
  const host = options.host ?? "127.0.0.1"
  const identity = recallIdentity(options.data)
  const interbankOrders = new InterbankOrders()
  const opened: { close(): Promise<void> | void }[] = []
  const close = async () => {
    for (const part of opened.splice(0).reverse()) await part.close()
  }
  const open = async (name: ServerName): Promise<Listening> => {
    const station = new WeatherStation(name, options.weather?.[name])
    const server = createServer(name, station, interbankOrders, options)
    opened.push(server)
    server.app.get("/sandbox", (c) => c.json({ sandboxId: identity.sandboxId, server: name }))
    const door = readDoor(name, options.doors?.[name])
    const held = await heldTo(options.documents, server.published)
    const obedient = obeying(server, held)
    const app = behindDoor(
      underWeather(obedient, station),
      door,
      twinNames.some((twin) => twin === name),
    )
    const direct = held === undefined && isOpen(door) ? directly(server, station) : undefined
    const listening = await listenAsBefore(name, { app, direct, door }, host, options.portBase, identity)
    opened.push(listening, station)
    station.start(listening)
    server.start()
    return listening
  }
  try {
    await refuseSecondSandbox(host, identity)
    const compliance = await open("compliance")
    const north = await open("north")
    const south = await open("south")
    const books = await open("ledger")
    const west = await open("west")
    const clearing = options.clearingFolder === undefined ? undefined : await open("clearing")
    const twins = new Map<TwinName, Listening>()
    for (const twin of options.twins ?? []) twins.set(twin, await open(twin))
    if (options.data !== undefined) {
      const ports = {
        compliance: compliance.port,
        north: north.port,
        south: south.port,
        ledger: books.port,
        west: west.port,
        ...(clearing && { clearing: clearing.port }),
        ...Object.fromEntries([...twins].map(([name, { port }]) => [name, port])),
      }
      rememberIdentity(options.data, { ...identity, ports })
    }
    const banks = {
      north: north.url,
      south: south.url,
      west: west.url,
      ...(clearing && { clearing: clearing.url }),
    }
    const urlsOfTwins = Object.fromEntries([...twins].map(([name, { url }]) => [name, url]))
    return {
      urls: { compliance: compliance.url, banks, ledger: books.url, twins: urlsOfTwins },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Listens on the port from `portBase`, else on the remembered one, else (or if that is taken) on any free one. */
const listenAsBefore = async (
  name: ServerName,
  { door, ...served }: Served & { readonly door: Door },
  host: string,
  portBase: number | undefined,
  { ports }: Identity,
): Promise<Listening> => {
  if (portBase !== undefined) return listen(served, host, portBase + serverNames.indexOf(name), door.tls)
  try {
    return await listen(served, host, ports[name] ?? 0, door.tls)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error
    return listen(served, host, 0, door.tls)
  }
}

const createServer = (
  name: ServerName,
  station: WeatherStation,
  interbankOrders: InterbankOrders,
  options: SandboxOptions,
): SandboxServer => {
  const journalFile = options.data === undefined ? undefined : join(options.data, `${name}.jsonl`)
  const secret = options.secrets?.[name] ?? sandboxSecretOf(name)
  const callbackRetry = options.callbackRetry ?? defaultCallbackRetry
  const calling = { station, journalFile, secret, callbackRetry }
  const { paymentDelayMs = 5, slowMs = 2_000, returnAfterMs = 500 } = options
  const paying = { ...calling, interbankOrders, paymentDelayMs, slowMs, returnAfterMs }
  switch (name) {
    case "compliance":
      return complianceEngine({ ...calling, decisionDelayMs: options.decisionDelayMs ?? 200 })
    case "ledger":
      return ledger({ ...calling, funds: options.funds ?? 1_000_000_000_000n })
    case "formance":
      return formanceLedger({ journalFile, funds: options.funds ?? 1_000_000_000n })
    case "west":
      return westBank({ ...paying, keyWindowMs: options.westKeyWindowMs ?? 86_400_000 })
    case "clearing":
      return fileBank({
        station,
        interbankOrders,
        folder: options.clearingFolder ?? "",
        journalFile,
        paymentDelayMs,
        returnAfterMs,
      })
    case "adyen":
      return adyenTwin({ ...paying, webhookUrl: options.webhookUrls?.adyen })
    case "paypal":
      return paypal({ station, journalFile, interbankOrders, paymentDelayMs, slowMs, returnAfterMs })
    case "watchman":
      return watchmanServer({ journalFile })
    case "yente":
      return yenteServer({ journalFile })
    case "north":
    case "south":
      return bank(paying)
  }
}
