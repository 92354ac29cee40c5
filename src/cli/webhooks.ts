/** `atlaspay webhooks`: looks after partners' webhooks. */
import { Command } from "effect/cli"
import { webhookDeliveries } from "./webhook-deliveries.ts"
import { webhookEndpoints } from "./webhook-endpoints.ts"
import { webhookSecrets } from "./webhook-secrets.ts"

export const webhooks = Command.make("webhooks").pipe(
  Command.withDescription("Look after partners' webhooks"),
  Command.withSubcommands([webhookEndpoints, webhookSecrets, ...webhookDeliveries]),
)
