import { Option } from "effect"
import type { Settings } from "../../config.ts"

/** Where a provider is to call: a path of the service as providers see it. */
export const callbackUrl = ({ publicUrl, host, port }: Settings["http"], path: string): string => {
  const own = `http://${host.includes(":") ? `[${host}]` : host}:${port}`
  return `${Option.getOrElse(publicUrl, () => own).replace(/\/+$/, "")}${path}`
}
