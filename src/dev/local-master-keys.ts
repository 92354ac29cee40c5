/** The master key of a data folder: made once, so that what was sealed on it can be read after every restart. */
import { createHash, randomBytes } from "node:crypto"
import { join } from "node:path"
import { keptSecret, openDataFolder } from "./data-folder.ts"

/** MASTER_KEYS for what runs on a data folder: what its file says, which only its owner may read. */
export const localMasterKeys = (dataDir: string): string => {
  openDataFolder(dataDir)
  return keptSecret(join(dataDir, "master-keys"), newMasterKey)
}

/** Its id tells it from other folders' keys, and nothing of itself. */
const newMasterKey = (): string => {
  const key = randomBytes(32)
  const id = createHash("sha256").update("id of a local master key").update(key).digest("hex").slice(0, 8)
  return `local-${id}=${key.toString("base64")}`
}
