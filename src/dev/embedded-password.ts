/* The password of an embedded server: other users of the machine can reach its port, but need the password to use it. */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { keptSecret } from "./data-folder.ts"
import type { RunAs } from "./embedded-user.ts"

const PASSWORD_BYTES = 24

/** The file in a server's folder with its password, which is generated once. */
export const passwordFile = (folder: string): string => join(folder, "password")

/** Letters, digits, hyphens and underscores only: URLs and settings need no escapes. */
export const passwordIn = (folder: string, owner?: RunAs): string =>
  keptSecret(passwordFile(folder), () => randomBytes(PASSWORD_BYTES).toString("base64url"), owner)
