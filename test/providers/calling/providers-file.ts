/** A providers' file for a test: it names what the test names, and leads nowhere else. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { PolicyFields } from "../../../src/providers/calling/call-policy.ts"

const nowhere = { url: "http://127.0.0.1:9" }

/** Banks of the kind `instant` by name, all called by one policy; the first one pays everything. */
export const providersFile = async (
  banks: Readonly<Record<string, string>>,
  policy: PolicyFields,
): Promise<{ readonly path: string; readonly remove: () => Promise<void> }> => {
  const folder = await mkdtemp(join(tmpdir(), "providers-"))
  const path = join(folder, "providers.json")
  const document = {
    version: "test",
    compliance: nowhere,
    ledger: nowhere,
    banks: Object.entries(banks).map(([name, url]) => ({ name, kind: "instant", url, policy })),
    routes: [{ rule: "all", banks: Object.keys(banks).slice(0, 1) }],
  }
  await writeFile(path, JSON.stringify(document))
  return { path, remove: () => rm(folder, { recursive: true }) }
}
