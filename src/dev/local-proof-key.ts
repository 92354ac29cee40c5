/** The key that signs roots of the proof tree of a data folder: generated once, so that its roots have one key after every restart. */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { keptSecret, openDataFolder } from "./data-folder.ts"

const SEED_BYTES = 32

/** PROOF_SIGNING_KEY for a service on a data folder, from a file that only its owner can read. */
export const localProofKey = (dataDir: string): string => {
  openDataFolder(dataDir)
  return keptSecret(
    join(dataDir, "proof-signing-key"),
    () => `prsk_${randomBytes(SEED_BYTES).toString("base64")}`,
  )
}
