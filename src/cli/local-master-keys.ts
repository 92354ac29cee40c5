/** The master key of a data folder: made once, so that what was sealed on it can be read after every restart. */
import { createHash, randomBytes, randomUUID } from "node:crypto"
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** MASTER_KEYS for what runs on a data folder: what its file says, which only its owner may read. */
export const localMasterKeys = (dataDir: string): string => {
  mkdirSync(dataDir, { recursive: true })
  const file = join(dataDir, "master-keys")
  const draft = `${file}.${randomUUID()}`
  writeFileSync(draft, newMasterKey(), { mode: 0o600, flag: "wx" })
  try {
    // Whole or not at all, and never over the one that is there.
    linkSync(draft, file)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
  } finally {
    rmSync(draft)
  }
  return readFileSync(file, "utf8").trim()
}

/** Its id tells it from other folders' keys, and nothing of itself. */
const newMasterKey = (): string => {
  const key = randomBytes(32)
  const id = createHash("sha256").update("id of a local master key").update(key).digest("hex").slice(0, 8)
  return `local-${id}=${key.toString("base64")}\n`
}
