/* The password of an embedded server: other users of the machine reach its port, and nothing behind it. */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { keptSecret } from "./data-folder.ts"
import type { RunAs } from "./embedded-user.ts"

const PASSWORD_BYTES = 24

/** The file in a server's folder that says its password, which is made once. */
export const passwordFile = (folder: string): string => join(folder, "password")

/** Of letters, digits, hyphens and underscores, so that it stands in URLs and settings as it is. */
export const passwordIn = (folder: string, owner?: RunAs): string =>
  keptSecret(passwordFile(folder), () => randomBytes(PASSWORD_BYTES).toString("base64url"), owner)
