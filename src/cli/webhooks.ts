import { Command } from "effect/cli"
import { webhookSecrets } from "./webhook-secrets.ts"

export const webhooks = Command.make("webhooks").pipe(
  Command.withDescription("Manage partners' webhooks"),
  Command.withSubcommands([webhookSecrets]),
)
