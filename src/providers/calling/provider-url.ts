import { Schema } from "effect"

const isProviderUrl = (text: string): boolean => {
  const url = URL.parse(text)
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.username + url.password + url.search + url.hash === ""
  )
}

/** The URL of a provider: http(s), without credentials, query or fragment. */
export const ProviderUrl = Schema.String.check(
  Schema.makeFilter((text: string) => isProviderUrl(text) || "expected an http(s) URL without a password"),
)
