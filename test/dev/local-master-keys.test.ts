import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ConfigProvider, Effect } from "effect"
import { expect, it } from "vitest"
import { localMasterKeys } from "../../src/dev/local-master-keys.ts"
import { masterKeys } from "../../src/settings/keys.ts"

const folder = () => mkdtempSync(join(tmpdir(), "keys-"))

it("a data folder has one master key for ever, which only its owner may read", async () => {
  const own = join(folder(), "data")
  const text = localMasterKeys(own)
  const provider = ConfigProvider.fromEnvRecord({ MASTER_KEYS: text })
  expect(await Effect.runPromise(masterKeys.parse(provider))).toHaveLength(1)
  expect(localMasterKeys(own)).toBe(text)
  expect(readdirSync(own)).toEqual(["master-keys"])
  expect(readFileSync(join(own, "master-keys"), "utf8").trim()).toBe(text)
  expect(statSync(join(own, "master-keys")).mode & 0o777).toBe(0o600)
})

it("another folder has another one, by another name", () => {
  const [one = "", other = ""] = [folder(), folder()].map(localMasterKeys)
  expect(one.split("=")[0]).not.toBe(other.split("=")[0])
})
