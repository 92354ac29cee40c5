import { Option } from "effect"
import type { Settings } from "../../config.ts"

/** The URL at which a bank calls back about its transfers. */
export const bankCallbackUrl = (http: Settings["http"], bank: string): string =>
  `${callbackUrl(http, "/bank-callbacks")}/${bank}`

/** The URL of a callback path of this service, as providers reach it. */
export const callbackUrl = ({ publicUrl, host, port }: Settings["http"], path: string): string => {
  const own = `http://${host.includes(":") ? `[${host}]` : host}:${port}`
  return `${Option.getOrElse(publicUrl, () => own).replace(/\/+$/, "")}${path}`
}
