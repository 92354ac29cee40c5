import { Option } from "effect"
import type { Settings } from "../../config.ts"

/** Where a bank is to call about its transfers. */
export const bankCallbackUrl = (http: Settings["http"], bank: string): string =>
  `${callbackUrl(http, "/bank-callbacks")}/${bank}`

/** Where a provider is to call: a path of the service as providers see it. */
export const callbackUrl = ({ publicUrl, host, port }: Settings["http"], path: string): string => {
  const own = `http://${host.includes(":") ? `[${host}]` : host}:${port}`
  return `${Option.getOrElse(publicUrl, () => own).replace(/\/+$/, "")}${path}`
}
