/** Guards of the alerts and of the tools that try them, each with the test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const alerts = "test/infra/alert-rules.test.ts"

export const alertGuards: ReadonlyArray<StepGuard> = [
  {
    name: "an alert notices a counter whose first value is a count",
    file: "../infra/prometheus/rules/work.yml",
    text: "sum by (follower) (atlaspay_frozen_followers_total unless atlaspay_frozen_followers_total offset 1h) > 0",
    without: "sum by (follower) (increase(atlaspay_frozen_followers_total[2h])) > 0",
    caughtIn: alerts,
    caughtBy: "notice a counter whose first value is already a count",
  },
  {
    name: "an alert is about a metric that the service has",
    file: "../infra/prometheus/rules/stores.yml",
    text: "max(atlaspay_lost_partitions) > 0",
    without: "max(atlaspay_partitions_lost) > 0",
    caughtIn: alerts,
    caughtBy: "StoreLostHistory is about metrics and labels that the service has",
  },
  {
    name: "an alert says how urgent it is",
    file: "../infra/prometheus/rules/access.yml",
    text: "severity: ticket",
    without: "severity: whenever",
    caughtIn: alerts,
    caughtBy: "CredentialsRefused says what it is, how urgent, and what to do",
  },
  {
    name: "the set-up refuses a kind of tools that it does not know",
    file: "../infra/tools.mjs",
    text: "!Object.hasOwn(TOOLS, kind)",
    without: "false",
    caughtIn: "test/infra/setup.test.ts",
    caughtBy: "are asked for by a name that the set-up knows",
  },
]
