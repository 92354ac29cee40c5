/** Secrets in files: NAME_FILE is the path for the secret NAME. */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ConfigProvider, Effect, Exit, Layer, Option, Redacted } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { AppConfig, settings } from "../../src/config.ts"
import { fileNameOf } from "../../src/settings/secret-file.ts"
import { settingsIn } from "../../src/settings/setting.ts"

const folder = mkdtempSync(join(tmpdir(), "secret-files-"))
afterAll(() => rmSync(folder, { recursive: true }))

const file = (name: string, text: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o400 })
  return path
}

const masterKey = Buffer.alloc(32, 9).toString("base64")
const complete = {
  API_KEYS: "acme=key",
  REDIS_URL: "redis://127.0.0.1",
  DATABASE_URL: "postgres://127.0.0.1",
  NATS_URL: "nats://127.0.0.1",
  MASTER_KEYS: `k1=${masterKey}`,
  PROVIDERS_FILE: "providers.json",
}

const read = (environment: Readonly<Record<string, string>>) =>
  Effect.runPromise(
    Effect.exit(
      Effect.scoped(
        Layer.build(AppConfig.layer).pipe(Effect.flatMap((context) => Effect.provide(AppConfig, context))),
      ),
    ).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord({ ...environment })))),
  )

const without = (name: keyof typeof complete, more: Readonly<Record<string, string>>) => {
  const { [name]: _, ...others } = complete
  return { ...others, ...more }
}

const problemsOf = async (environment: Readonly<Record<string, string>>): Promise<string> => {
  const exit = await read(environment)
  if (Exit.isSuccess(exit)) return ""
  return String(Exit.findErrorOption(exit).pipe(Option.getOrThrow).message)
}

describe("a secret", () => {
  it.each(["key=in=file", "key=in=file\n", "key=in=file\r\n"])(
    "is that of its file, without the line break at its end: %j",
    async (text) => {
      const exit = await read(without("API_KEYS", { API_KEYS_FILE: file("api-keys-good", `acme=${text}`) }))
      rmSync(join(folder, "api-keys-good"))
      expect(Exit.isSuccess(exit) && Redacted.value(exit.value.http.apiKeys)).toBe("acme=key=in=file")
      expect(Exit.isSuccess(exit) && exit.value.secretFiles.get("API_KEYS")?.isOpenToAll).toBe(false)
    },
  )

  it("loses no more than one line break", async () => {
    const exit = await read(without("API_KEYS", { API_KEYS_FILE: file("two-breaks", "acme=key\n\n") }))
    expect(Exit.isSuccess(exit) && Redacted.value(exit.value.http.apiKeys)).toBe("acme=key\n")
  })

  it("may be any that the declarations call one, and its form is checked as in the environment", async () => {
    const secrets = settingsIn(settings).filter(({ secret }) => secret !== undefined)
    expect(secrets.map(({ name }) => name)).toEqual([
      "API_KEYS",
      "OPERATOR_KEYS",
      "REDIS_URL",
      "MASTER_KEYS",
      "PROOF_SIGNING_KEY",
      "DATABASE_URL",
      "NATS_URL",
      "COMPLIANCE_CALLBACK_SECRET",
      "BANK_CALLBACK_SECRET",
      "LEDGER_CALLBACK_SECRET",
      "OTEL_EXPORTER_OTLP_HEADERS",
    ])
    const problem = await problemsOf(
      without("MASTER_KEYS", { MASTER_KEYS_FILE: file("master", "canary-7d") }),
    )
    expect(problem).toContain("MASTER_KEYS: expected master keys")
    expect(problem).not.toContain("canary")
  })

  it("has no file whose variable is another setting", () => {
    const names = settingsIn(settings).map(({ name }) => name)
    const files = settingsIn(settings).flatMap(({ name, secret }) =>
      secret === undefined ? [] : [fileNameOf(name)],
    )
    expect(files.filter((name) => names.includes(name))).toEqual([])
  })

  it("is refused if the environment has it, too", async () => {
    const problem = await problemsOf({ ...complete, API_KEYS_FILE: file("both", "acme=canary-7d") })
    expect(problem).toContain("API_KEYS_FILE: is set, and API_KEYS is, too")
    expect(problem).not.toContain("canary")
  })

  it("of a file that cannot be used is a mistake by name, told with all others, and only once", async () => {
    const pipe = join(folder, "pipe")
    execFileSync("mkfifo", [pipe])
    const loop = join(folder, "loop")
    symlinkSync(loop, loop)
    const wrong = {
      API_KEYS_FILE: [join(folder, "absent"), "does not exist"],
      REDIS_URL_FILE: [folder, "is a folder"],
      DATABASE_URL_FILE: [file("empty", "\n"), "is empty"],
      NATS_URL_FILE: [file("long", "x".repeat(64 * 1024 + 1)), "is longer than 65536 bytes"],
      MASTER_KEYS_FILE: [file("bytes", Uint8Array.of(0xff, 0xfe, 0x41)), "is not text in UTF-8"],
      OPERATOR_KEYS_FILE: [pipe, "is not a regular file"],
      BANK_CALLBACK_SECRET_FILE: [loop, "is a link to itself"],
    } as const
    const environment = Object.fromEntries(Object.entries(wrong).map(([name, [path]]) => [name, path]))
    const problem = await problemsOf({ ...environment, PROVIDERS_FILE: "providers.json", CLAIM_MS: "soon" })
    const lines = problem
      .split("\n")
      .slice(1)
      .map((line) => line.trim())
    expect(lines.toSorted()).toEqual(
      [
        ...Object.entries(wrong).map(([name, [path, why]]) => `${name}: the file ${path} ${why}`),
        "CLAIM_MS: expected 1 ms to 10,000 seconds",
      ].toSorted(),
    )
  })

  it("is found by a reference to a variable, too", async () => {
    const exit = await read({
      ...complete,
      NORTH_TOKEN_FILE: file("north", "token-of-north\n"),
      SOUTH_FILE: folder,
    })
    if (Exit.isFailure(exit)) throw new Error(String(exit))
    const { secretNamed } = exit.value
    expect(await Effect.runPromise(secretNamed("NORTH_TOKEN"))).toBe("token-of-north")
    expect(await Effect.runPromise(secretNamed("ABSENT"))).toBeUndefined()
    expect(await Effect.runPromise(Effect.flip(secretNamed("SOUTH")))).toMatchObject({
      setting: "SOUTH_FILE",
    })
  })

  it("is known to be in a file that everybody may write", async () => {
    const path = file("open", "acme=key")
    chmodSync(path, 0o666)
    const exit = await read(without("API_KEYS", { API_KEYS_FILE: path }))
    expect(Exit.isSuccess(exit) && exit.value.secretFiles.get("API_KEYS")?.isOpenToAll).toBe(true)
  })
})
