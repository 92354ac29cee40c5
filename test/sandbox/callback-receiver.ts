import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { Webhook } from "standardwebhooks"
import { sandboxSecretOf } from "../../src/sandbox/sandbox.ts"

export interface ReceivedCallback {
  readonly id: string
  readonly bank: string
  readonly reference: string
  readonly transferId: string
  readonly status: string
  readonly code?: string
  readonly at: string
}

export interface CallbackReceiver {
  readonly url: string
  /** The callbacks whose signature was valid, in the order of arrival, whatever they were answered. */
  readonly received: ReceivedCallback[]
  readonly forged: string[]
  close(): Promise<void>
}

/** The server whose message it is, by what it is about. */
const senderOf = ({
  bank,
  listVersion,
}: {
  readonly bank?: "north" | "south"
  readonly listVersion?: string
}) => bank ?? (listVersion === undefined ? "ledger" : "compliance")

/** A client's callback address. It answers each request with the next of the given statuses, then with 204. */
export const startCallbackReceiver = async (...statuses: number[]): Promise<CallbackReceiver> => {
  const received: ReceivedCallback[] = []
  const forged: string[] = []
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, `${value}`]),
    )
    try {
      const webhook = new Webhook(sandboxSecretOf(senderOf(JSON.parse(body))))
      received.push(webhook.verify(body, headers) as ReceivedCallback)
    } catch {
      forged.push(body)
    }
    response.writeHead(statuses.shift() ?? 204, { location: "/elsewhere" }).end()
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callbacks`,
    received,
    forged,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}
