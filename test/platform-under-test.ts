/**
 * The whole platform for a test, as a partner and an operator see it: the sandbox and the service as processes of
 * their own on the test stack's servers. The service can be killed, frozen and started again.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { randomInt, randomUUID } from "node:crypto"
import { once } from "node:events"
import { createServer } from "node:net"
import { inject } from "vitest"
import { sandboxCallbackSecrets } from "../src/dev/local-sandbox.ts"
import { type Sandbox, type SandboxOptions, type SandboxUrls, startSandbox } from "../src/sandbox/sandbox.ts"
import { emptyDatabase, ownDatabase } from "./database.ts"
import { fileOf } from "./programs.ts"
import { masterKeys, ownPrefix } from "./settings.ts"

export const API_KEY = "acme-key"
/** Another key of the same partner, and those of two operators. */
export const SUPERVISOR_KEY = "acme-supervisor-key"
export const [OLGA, OTTO] = ["olga-key", "otto-key"] as const

/** What a test is not fit for production by: its keys are everybody's, and its times are short. */
export const playMoney = [
  "known-secret:partner/acme/clerk",
  "known-secret:partner/acme/supervisor",
  "known-secret:operator/olga",
  "weak-secret:operator/otto",
  "known-secret:callback/north",
  "known-secret:callback/south",
  "known-secret:callback/compliance-engine",
  "known-secret:callback/ledger",
  "known-secret:master/test",
  "private-webhooks",
  "odd-time:CLAIM_MS",
  "odd-time:INQUIRY_DELAYS_MS",
].join(",")

export interface BankBooks {
  readonly transfers: ReadonlyArray<{
    readonly reference: string
    readonly status: string
    readonly payments: number
    readonly amount: { readonly currency: string; readonly value: string }
    readonly beneficiary: { readonly accountLast4: string }
  }>
  readonly paidTwice: number
  readonly outstanding: number
}

export interface BatchView {
  readonly id: string
  readonly state: string
  readonly version: number
}

/** A start takes a second, and on a machine that is busy with other things half a minute was not enough. */
const START_MS_MAX = 60_000

/** One service process; `ended` tells how it ended. */
export class Service {
  readonly #process: ChildProcess
  readonly url: string
  /** Where those who run the service ask; its log tells. */
  get operationsUrl(): string {
    const [, url = ""] = this.lines.map((line) => /"operationsUrl":"([^"]+)"/.exec(line)).find(Boolean) ?? []
    return url
  }
  readonly ended: Promise<NodeJS.Signals | number | null>
  readonly lines: Array<string> = []

  /** `release` is the folder of the release that it runs; this one by default. */
  constructor(environment: Readonly<Record<string, string>>, release?: string) {
    this.url = `http://127.0.0.1:${environment.PORT}`
    const started = release === undefined ? [fileOf("src/main.ts")] : ["src/main.ts"]
    this.#process = spawn(process.execPath, started, {
      ...(release === undefined ? {} : { cwd: release }),
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    })
    for (const output of [this.#process.stdout, this.#process.stderr]) {
      output?.setEncoding("utf8").on("data", (text: string) => this.lines.push(...text.split("\n")))
    }
    this.ended = once(this.#process, "exit").then(([code, signal]) => signal ?? code)
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  async stop(): Promise<void> {
    this.signal("SIGCONT")
    this.signal("SIGTERM")
    await this.ended
  }
}

export class PlatformUnderTest implements AsyncDisposable {
  /** The service that requests go to. */
  url: string
  /** What every service is started with. */
  readonly environment: Readonly<Record<string, string>>
  readonly #sandbox: Sandbox
  readonly #close: () => Promise<void>
  readonly #services = new Set<Service>()

  private constructor(
    port: number,
    environment: Readonly<Record<string, string>>,
    sandbox: Sandbox,
    close: () => Promise<void>,
  ) {
    this.url = `http://127.0.0.1:${port}`
    this.environment = environment
    this.#sandbox = sandbox
    this.#close = close
  }

  static async open(
    environment: Readonly<Record<string, string>> = {},
    sandboxOptions: SandboxOptions = {},
  ): Promise<PlatformUnderTest> {
    const [database, sandbox, port] = await Promise.all([
      // In production the service refuses a database that does not wait for the disk.
      environment.NODE_ENV === "production" ? emptyDatabase() : ownDatabase(),
      startSandbox(sandboxOptions),
      freePort(),
    ])
    const { compliance, banks, ledger } = sandbox.urls
    const settings = {
      HOST: "127.0.0.1",
      PORT: String(port),
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      API_KEYS: `acme/clerk=${API_KEY},acme/supervisor=${SUPERVISOR_KEY}`,
      OPERATOR_KEYS: `olga=${OLGA},otto=${OTTO}`,
      REDIS_URL: inject("redisUrl"),
      DATABASE_URL: database.url,
      NATS_URL: inject("natsUrl"),
      NATS_STREAM: `T${randomUUID().slice(0, 8)}`,
      STREAM_PREFIX: ownPrefix(),
      PARTITIONS: "4",
      COMPLIANCE_URL: compliance,
      LEDGER_URL: ledger,
      BANKS: `north=${banks.north},south=${banks.south}`,
      BANK_ROUTES: "EUR=north,GBP=north,*=south",
      ...sandboxCallbackSecrets(),
      MASTER_KEYS: masterKeys,
      PROVIDER_TIMEOUT_MS: "1000",
      INQUIRY_DELAYS_MS: "200,200,500,1000,2000,5000,10000",
      CLAIM_MS: "1500",
      SWEEP_MS: "2000",
      WEBHOOKS_ALLOW_PRIVATE: "true",
      ...environment,
    }
    return new PlatformUnderTest(port, settings, sandbox, async () => {
      await sandbox.close()
      await database.drop()
    })
  }

  /** Where the sandbox's servers listen. */
  get sandbox(): SandboxUrls {
    return this.#sandbox.urls
  }

  /** Starts a service, and does not wait until it is ready. */
  launch(environment: Readonly<Record<string, string>> = {}, release?: string): Service {
    const service = new Service({ ...this.environment, ...environment }, release)
    this.#services.add(service)
    return service
  }

  /** Starts a service, with settings of its own if a test wants it to misbehave, and waits until it is ready. */
  async start(environment: Readonly<Record<string, string>> = {}, release?: string): Promise<Service> {
    const service = this.launch(environment, release)
    const ready = eventually(
      "the service is ready",
      async () => (await fetch(`${service.operationsUrl}/readyz`)).status === 200,
      START_MS_MAX,
    )
    const ended = service.ended.then((how) => {
      throw new Error(
        `the service ended (${how}) before it was ready:\n${service.lines.slice(-20).join("\n")}`,
      )
    })
    await Promise.race([ready, ended])
    ended.catch(() => {})
    return service
  }

  /** Sends what `requests` asks to one service, and everything after that to the usual one again. */
  async through<A>(service: Service, requests: () => Promise<A>): Promise<A> {
    const usual = this.url
    this.url = service.url
    try {
      return await requests()
    } finally {
      this.url = usual
    }
  }

  /** Posts a batch until the service answers, as a partner with an idempotency key does. */
  async submit(key: string, body: unknown): Promise<string> {
    let id = ""
    await eventually("the batch is accepted", async () => {
      const answer = await fetch(`${this.url}/payout-batches`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${API_KEY}`,
          "idempotency-key": key,
          "content-type": "application/json",
        },
        body: JSON.stringify(body),
      })
      id = ((await answer.json()) as { id: string }).id
      return answer.status === 202
    })
    return id
  }

  async get<A>(path: string): Promise<A> {
    const answer = await fetch(`${this.url}${path}`, { headers: { authorization: `Bearer ${API_KEY}` } })
    if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}`)
    return (await answer.json()) as A
  }

  /** Says something to a batch, as the one whose key it is; gives the answer. */
  async say(path: string, body: unknown, key = API_KEY): Promise<Response> {
    return fetch(`${this.url}/payout-batches/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    })
  }

  async closed(id: string): Promise<BatchView> {
    let view: BatchView | undefined
    await eventually("the batch is closed", async () => {
      view = await this.get<BatchView>(`/payout-batches/${id}`)
      return ["settled", "partially-settled", "failed", "rejected"].includes(view.state)
    })
    if (view === undefined) throw new Error("unreachable")
    return view
  }

  /** What the banks say that they paid. */
  async books(): Promise<ReadonlyArray<BankBooks>> {
    return Promise.all(
      Object.values(this.sandbox.banks).map(
        async (url) => (await (await fetch(`${url}/books`)).json()) as BankBooks,
      ),
    )
  }

  /** Lets the bank that takes files write its statements. */
  async endDay(): Promise<void> {
    await fetch(`${this.#sandbox.urls.banks.clearing}/end-of-day`, { method: "POST" })
  }

  /** Stops all services that were started. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#services].map((service) => service.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAll()
    await this.#close()
  }
}

/** Asks again and again, at most for a minute, until the answer is yes. */
export const eventually = async (
  what: string,
  question: () => Promise<boolean>,
  withinMs = 60_000,
): Promise<void> => {
  const deadline = Date.now() + withinMs
  let reason: unknown
  while (Date.now() < deadline) {
    try {
      if (await question()) return
      reason = undefined
    } catch (error) {
      reason = error
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`waited ${withinMs} ms in vain: ${what}: ${reason ?? "the answer was no"}`, {
    cause: reason,
  })
}

/**
 * A port that nobody listens on. It is below those that the system gives to connections, and to whoever asks for any: one of
 * these may be taken before the service that it is for has started.
 */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < PORT_TRIES_MAX; tries += 1) {
    const port = randomInt(10_000, 30_000)
    if (await isFree(port)) return port
  }
  throw new Error("no port is free")
}

const PORT_TRIES_MAX = 100

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })
