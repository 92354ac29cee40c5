/** The master key of a data folder: generated once, so that sealed accounts can be opened after every restart. */
import { createHash, randomBytes } from "node:crypto"
import { join } from "node:path"
import { keptSecret, openDataFolder } from "./data-folder.ts"

/** MASTER_KEYS for a service on a data folder, from a file that only its owner can read. */
export const localMasterKeys = (dataDir: string): string => {
  openDataFolder(dataDir)
  return keptSecret(join(dataDir, "master-keys"), newMasterKey)
}

/** The id distinguishes the key from other folders' keys, and reveals nothing of it. */
const newMasterKey = (): string => {
  const key = randomBytes(32)
  const id = createHash("sha256").update("id of a local master key").update(key).digest("hex").slice(0, 8)
  return `local-${id}=${key.toString("base64")}`
}
