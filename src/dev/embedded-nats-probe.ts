/** The probe of NATS. It is apart from those of the stores: programs that only read stores have no client of NATS. */
import { connect } from "@nats-io/transport-node"
import { serversIn } from "../platform/nats-address.ts"
import { ANSWERS_WITHIN_MS, answer, type Probe } from "./embedded-probe.ts"

export const probeNats: Probe = (url) =>
  answer(async () => {
    const nats = await connect({ ...serversIn(url), reconnect: false, timeout: ANSWERS_WITHIN_MS })
    try {
      if (nats.info?.jetstream !== true) throw new Error("JetStream is not enabled on this NATS server")
      return { version: nats.info.version, identity: nats.info.server_name }
    } finally {
      await nats.close()
    }
  })
