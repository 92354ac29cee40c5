/** Guards of settings: secrets from files, certificates, and what is shown of them, each with the test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const files = "test/settings/secret-files.test.ts"
const config = "test/cli/config.test.ts"
const production = "test/production/production.test.ts"

export const settingsGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a secret is either in the environment or in a file",
    file: "settings/given-settings.ts",
    text: "if (own !== undefined) return yield* invalid(",
    without: "if (own === file) return yield* invalid(",
    caughtIn: files,
    caughtBy: "is refused if the environment has it, too",
  },
  {
    name: "a pipe is no file for a secret",
    file: "settings/secret-file.ts",
    text: 'if (!about.isFile()) return Result.fail("is not a regular file")',
    without: "",
    caughtIn: files,
    caughtBy: "of a file that cannot be used is a mistake by name",
  },
  {
    name: "a file that everybody may write is known",
    file: "settings/secret-file.ts",
    text: "(about.mode & OTHERS_WRITE) !== 0",
    without: "false",
    caughtIn: files,
    caughtBy: "is known to be in a file that everybody may write",
  },
  {
    name: "the user and password of a URL are not shown, whatever they contain",
    file: "settings/shown-settings.ts",
    text: "([\\s\\S]*@|[^/?#]*)",
    without: "([^/@\\s]*@|[^/?#]*)",
    caughtIn: config,
    caughtBy: "a password is not shown",
  },
  {
    name: "a secret in the place of its reference is not shown",
    file: "settings/shown-settings.ts",
    text: '(credentials.test(text.trim()) ? text : "***")',
    without: "text",
    caughtIn: config,
    caughtBy: "a secret in the place of a reference is not shown",
  },
  {
    name: "what is wrong beside a missing setting is told, too",
    file: "production/every-mistake.ts",
    text: "...contradictions.filter(({ setting }) => !isAboutStandIn(setting))",
    without: "...contradictions.slice(0, 0)",
    caughtIn: config,
    caughtBy: "tells all mistakes at once",
  },
  {
    name: "the last of two modes of TLS to Postgres counts, as for the driver",
    file: "platform/postgres-tls.ts",
    text: 'new Map(new URLSearchParams(/\\?([^#]*)/.exec(url)?.[1] ?? ""))',
    without: 'new Map([...new URLSearchParams(/\\?([^#]*)/.exec(url)?.[1] ?? "")].toReversed())',
    caughtIn: production,
    caughtBy: "refuses postgres-without-tls",
  },
  {
    name: "only the loopback interface is loopback",
    file: "production/address-checks.ts",
    text: 'if (name === "localhost") return true',
    without: 'if (name.endsWith("localhost")) return true',
    caughtIn: production,
    caughtBy: "refuses redis-without-tls",
  },
  {
    name: "an example is one in another spelling, too",
    file: "production/key-checks.ts",
    text: "spellingsOf(secret).some(",
    without: "[secret].some(",
    caughtIn: production,
    caughtBy: "refuses known-secret",
  },
  {
    name: "traces go to a collector beyond this machine encrypted",
    file: "production/address-checks.ts",
    text: 'url === null || url.protocol === "https:" ||',
    without: 'url === null || url.protocol === "http:" ||',
    caughtIn: production,
    caughtBy: "refuses otlp-without-tls",
  },
  {
    name: "the servers that the driver connects to are checked",
    file: "platform/postgres-address.ts",
    text: "(?:[^/?#]*@)?",
    without: "(?:[^/?]*@)?",
    caughtIn: production,
    caughtBy: "refuses postgres-without-tls",
  },
  {
    name: "a blank number is none",
    file: "settings/kinds.ts",
    text: "Schema.isPattern(/^\\d{1,16}(\\.\\d{1,9})?$/)",
    without: "Schema.isPattern(/^/)",
    caughtIn: config,
    caughtBy: "tells all mistakes at once",
  },
  {
    name: "another spelling of production is a mistake",
    file: "settings/process.ts",
    text: "!nearProduction.test(text) ||",
    without: 'text !== "" ||',
    caughtIn: config,
    caughtBy: "does not take Production for development",
  },
]
