/**
 * Reads request bodies within limits: on the bytes of a body, its rate and its time, and on the bytes and bodies of each
 * kind of request at a time. Kinds do not take each other's room, nor do partners ({@link FairRoom}). The sender of a
 * callback is not yet authenticated when its body is read, so there the oldest unfinished body gives way to a new one.
 *
 * A body is read only when a handler asks for it: a caller without a key is answered by the headers alone.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { Context, Effect, Layer, Schema } from "effect"
import { inSlices } from "../../parsing/turns.ts"
import { BrokenCoding, type Coding, codingOf, sinkOf, UnsupportedCoding } from "./content-coding.ts"
import { TooManyRequests } from "./failures.ts"
import { FairRoom } from "./fair-room.ts"

/** The body is larger than this resource allows. */
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>()("BodyTooLarge", {
  bytesMax: Schema.Int,
}) {}

/** There is no room for another body. */
export class BodiesFull extends Schema.TaggedError<BodiesFull>()("BodiesFull", {}) {}

/** The client disconnected before it had sent the whole body. */
export class BodyCutOff extends Schema.TaggedError<BodyCutOff>()("BodyCutOff", {}) {}

/** The body arrived too slowly, or gave way to another one. */
export class BodyTooSlow extends Schema.TaggedError<BodyTooSlow>()("BodyTooSlow", {}) {}

export type BodyFailure =
  | BodyTooLarge
  | BodiesFull
  | BodyCutOff
  | BodyTooSlow
  | BrokenCoding
  | TooManyRequests
  | UnsupportedCoding

const KIB = 1024
const MIB = 1024 * KIB

/** What one kind of request may reserve at a time, and how long its bodies may take to arrive. */
export interface KindLimits {
  readonly bytesMax: number
  readonly bodiesMax: number
  readonly withinMs: number
  /** Whether unfinished bodies give way to a new one, the oldest first. */
  readonly unfinishedGiveWay?: boolean
  /** Whether a body may come in gzip. What is signed may not: it is read as it was signed. */
  readonly mayBeCompressed?: boolean
}

export const bodyKinds = {
  intake: { bytesMax: 256 * MIB, bodiesMax: 4_096, withinMs: 60_000, mayBeCompressed: true },
  acts: { bytesMax: 32 * MIB, bodiesMax: 512, withinMs: 10_000, mayBeCompressed: true },
  endpoints: { bytesMax: 8 * MIB, bodiesMax: 256, withinMs: 10_000, mayBeCompressed: true },
  callbacks: { bytesMax: 32 * MIB, bodiesMax: 1_024, withinMs: 10_000, unfinishedGiveWay: true },
} satisfies Readonly<Record<string, KindLimits>>
export type BodyKind = keyof typeof bodyKinds

/** A body with fewer bytes than this in a window is too slow. The length of the window allows for a slow start. */
const WINDOW_MS = 4_000
const BYTES_PER_WINDOW_MIN = 64 * KIB

/** How many bytes of a body are copied before other work gets its turn. */
const COPIED_AT_ONCE = 2 * MIB

/** The owner of a body, and its limits. */
export interface BodyTerms {
  readonly kind: BodyKind
  /** The partner, or a substitute for requests without one. */
  readonly owner: string
  readonly bytesMax: number
}

/** Node's request and response. */
export interface Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: Pick<ServerResponse, "writeContinue">
}

export class RequestBodies extends Context.Service<
  RequestBodies,
  {
    /** Reads a body and passes it to `use`. Frees its room when `use` has ended. */
    readonly use: <A, E, R>(
      exchange: Exchange,
      terms: BodyTerms,
      use: (body: Buffer) => Effect.Effect<A, E, R>,
    ) => Effect.Effect<A, E | BodyFailure, R>
    /** The same with the body in pieces, as it came, which `use` may let go of: a long one is then not in memory twice. */
    readonly usePieces: <A, E, R>(
      exchange: Exchange,
      terms: BodyTerms,
      use: (pieces: Array<Buffer>) => Effect.Effect<A, E, R>,
    ) => Effect.Effect<A, E | BodyFailure, R>
  }
>()("atlaspay/http/RequestBodies") {
  static readonly layer = Layer.sync(RequestBodies, () => withRoom(bodyKinds))
}

/** A reader of bodies, with the limits of each kind. */
export const withRoom = (
  kinds: Readonly<Record<BodyKind, KindLimits>>,
  windowMs = WINDOW_MS,
): RequestBodies["Service"] => {
  const rooms: Readonly<Record<BodyKind, KindRoom>> = {
    intake: new KindRoom(kinds.intake),
    acts: new KindRoom(kinds.acts),
    endpoints: new KindRoom(kinds.endpoints),
    callbacks: new KindRoom(kinds.callbacks),
  }
  const read = <A, E, R>(
    exchange: Exchange,
    { kind, owner, bytesMax }: BodyTerms,
    { whole, inPieces }: Uses<A, E, R>,
  ): Effect.Effect<A, E | BodyFailure, R> =>
    Effect.suspend((): Effect.Effect<A, E | BodyFailure, R> => {
      const { incoming } = exchange
      const coding = codingOf(incoming.headers["content-encoding"], kinds[kind].mayBeCompressed === true)
      if (coding instanceof UnsupportedCoding) return coding
      const announced = Number(incoming.headers["content-length"] ?? 0)
      if (announced > bytesMax) return new BodyTooLarge({ bytesMax })
      const reservation = rooms[kind].enter(incoming, owner, bytesMax, announced)
      if (!(reservation instanceof Reservation)) return reservation
      const asItCame = Effect.suspend((): Effect.Effect<A, E | BodyFailure, R> => {
        const body = wholeOf(incoming, coding, reservation)
        if (Buffer.isBuffer(body)) return whole(body)
        if (body !== undefined) return Effect.fail(body)
        const times = { withinMs: kinds[kind].withinMs, windowMs }
        return Effect.flatMap(piecesOf(exchange, { coding, bytesMax }, reservation, times), inPieces)
      })
      return Effect.ensuring(
        hasArrived(incoming) ? asItCame : Effect.andThen(arrived(incoming), asItCame),
        Effect.sync(() => reservation.giveBack()),
      )
    })
  return {
    usePieces: (exchange, terms, use) =>
      read(exchange, terms, { whole: (body) => use([body]), inPieces: use }),
    use: (exchange, terms, use) =>
      read(exchange, terms, {
        whole: use,
        inPieces: (pieces) => Effect.flatMap(inSlices(joined(pieces)), use),
      }),
  }
}

/** What is done with a body that is all there, and with one that came in pieces. */
interface Uses<A, E, R> {
  readonly whole: (body: Buffer) => Effect.Effect<A, E, R>
  readonly inPieces: (pieces: Array<Buffer>) => Effect.Effect<A, E, R>
}

/** The room of one kind of request. */
class KindRoom {
  readonly bytes: FairRoom
  readonly #bodies: FairRoom
  readonly #unfinishedGiveWay: boolean
  /** Unfinished bodies, the oldest first. */
  readonly #unfinished = new Set<Reservation>()

  constructor({ bytesMax, bodiesMax, unfinishedGiveWay = false }: KindLimits) {
    this.bytes = new FairRoom(bytesMax)
    this.#bodies = new FairRoom(bodiesMax)
    this.#unfinishedGiveWay = unfinishedGiveWay
  }

  enter(
    incoming: Pick<IncomingMessage, "complete">,
    owner: string,
    bytesMax: number,
    announced: number,
  ): Reservation | BodiesFull | TooManyRequests {
    const refused =
      this.admit(this.#bodies, owner, 1) ??
      (this.#unfinishedGiveWay || this.bytes.admits(owner, announced)
        ? undefined
        : this.refusal(this.bytes, owner))
    if (refused !== undefined) return refused
    const reservation = new Reservation(this, incoming, owner, bytesMax)
    this.#bodies.take(owner, 1)
    this.#unfinished.add(reservation)
    return reservation
  }

  /** `undefined` if there is room, possibly after unfinished bodies gave way. */
  admit(
    room: FairRoom,
    owner: string,
    amount: number,
    asking?: Reservation,
  ): BodiesFull | TooManyRequests | undefined {
    if (!this.#unfinishedGiveWay) return room.admits(owner, amount) ? undefined : this.refusal(room, owner)
    for (const oldest of this.#unfinished) {
      if (room.free >= amount) break
      if (oldest !== asking) oldest.giveWay()
    }
    return room.free >= amount ? undefined : new BodiesFull()
  }

  refusal(room: FairRoom, owner: string): BodiesFull | TooManyRequests {
    return room.isGreedy(owner)
      ? new TooManyRequests({ what: "concurrent request bodies", retryAfterSeconds: 1 })
      : new BodiesFull()
  }

  finish(reservation: Reservation): void {
    this.#unfinished.delete(reservation)
  }

  leave(reservation: Reservation, bytes: number): void {
    this.finish(reservation)
    this.#bodies.giveBack(reservation.owner, 1)
    this.bytes.giveBack(reservation.owner, bytes)
  }
}

/** The room that is reserved for one body. */
class Reservation {
  readonly owner: string
  readonly #room: KindRoom
  readonly #incoming: Pick<IncomingMessage, "complete">
  readonly #bytesMax: number
  #bytes = 0
  #isBack = false
  #stopReading = (): void => {}

  constructor(room: KindRoom, incoming: Pick<IncomingMessage, "complete">, owner: string, bytesMax: number) {
    this.#room = room
    this.#incoming = incoming
    this.owner = owner
    this.#bytesMax = bytesMax
  }

  /** Whether it was given back, by its body or to another one. */
  get isBack(): boolean {
    return this.#isBack
  }

  grow(bytes: number): BodyFailure | undefined {
    if (this.#bytes + bytes > this.#bytesMax) return new BodyTooLarge({ bytesMax: this.#bytesMax })
    const refused = this.#room.admit(this.#room.bytes, this.owner, bytes, this)
    if (refused !== undefined) return refused
    this.#bytes += bytes
    this.#room.bytes.take(this.owner, bytes)
    return undefined
  }

  finish(): void {
    this.#room.finish(this)
  }

  /** Sets how to stop reading when the body has to give way, and stops at once if it already had to. */
  whenGivingWay(stop: () => void): void {
    if (this.#isBack) stop()
    else this.#stopReading = stop
  }

  /** A body that has come and is only to be taken up does not give way. */
  giveWay(): void {
    if (this.#incoming.complete) return
    this.giveBack()
    this.#stopReading()
  }

  giveBack(): void {
    if (this.#isBack) return
    this.#isBack = true
    this.#room.leave(this, this.#bytes)
  }
}

/** Whether there is nothing to wait for before the body is looked at. A client that waits for "100 Continue" has sent nothing yet. */
const hasArrived = (incoming: IncomingMessage): boolean =>
  incoming.complete || incoming.headers.expect !== undefined

/**
 * Waits until what came together with the headers is in the stream: Node reports a request before it parses the bytes behind
 * its headers.
 */
const arrived = (incoming: IncomingMessage): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const soon = setImmediate(() => resume(Effect.void))
    return Effect.sync(() => {
      clearImmediate(soon)
      incoming.resume()
    })
  })

interface Limits {
  readonly coding: Coding
  readonly bytesMax: number
}

/**
 * A body that is all there, without waiting, timers and listeners: most are short and come with their headers. `undefined` for
 * any other, which is read as it comes.
 */
const wholeOf = (
  incoming: IncomingMessage,
  coding: Coding,
  reservation: Reservation,
): Buffer | BodyFailure | undefined => {
  if (coding !== "identity" || !incoming.complete || incoming.destroyed || reservation.isBack)
    return undefined
  const body: Buffer = incoming.read() ?? Buffer.alloc(0)
  const refused = reservation.grow(body.length)
  if (refused !== undefined) return refused
  reservation.finish()
  return body
}

interface Times {
  readonly withinMs: number
  readonly windowMs: number
}

/** A body as it comes, at its rate and in its time. */
const piecesOf = (
  { incoming, outgoing }: Exchange,
  { coding, bytesMax }: Limits,
  reservation: Reservation,
  { withinMs, windowMs }: Times,
): Effect.Effect<Array<Buffer>, BodyFailure> =>
  Effect.callback((resume) => {
    const pieces: Array<Buffer> = []
    let [received, atWindow, hasEnded] = [0, 0, false]
    const end = (outcome: Effect.Effect<Array<Buffer>, BodyFailure>) => {
      if (hasEnded) return
      hasEnded = true
      stop()
      resume(outcome)
    }
    const fail = (failure: BodyFailure) => end(Effect.fail(failure))
    const tooSlow = () => fail(new BodyTooSlow())
    const onWindow = () => {
      if (received - atWindow < BYTES_PER_WINDOW_MIN) tooSlow()
      atWindow = received
    }
    const sink = sinkOf(coding, {
      keep: (chunk) => {
        const refused = hasEnded ? undefined : reservation.grow(chunk.length)
        if (refused === undefined) addTo(pieces, chunk)
        else fail(refused)
      },
      done: () => {
        reservation.finish()
        end(Effect.succeed(pieces))
      },
      broken: () => fail(new BrokenCoding()),
      ready: () => incoming.resume(),
    })
    const onData = (chunk: Buffer) => {
      received += chunk.length
      // Compressed, endless bytes may become none.
      if (received > bytesMax) fail(new BodyTooLarge({ bytesMax }))
      else if (!sink.take(chunk)) incoming.pause()
    }
    const onEnd = () => {
      clearInterval(rate)
      sink.end()
    }
    const onClose = () => {
      if (!incoming.complete) fail(new BodyCutOff())
    }
    const rate = setInterval(onWindow, windowMs)
    const deadline = setTimeout(tooSlow, withinMs)
    const stop = () => {
      clearInterval(rate)
      clearTimeout(deadline)
      sink.stop()
      incoming.off("data", onData).off("end", onEnd).off("error", onClose).off("close", onClose)
      // What still comes is thrown away, so that the client gets to read its answer.
      incoming.resume()
    }
    incoming.on("data", onData).on("end", onEnd).on("error", onClose).on("close", onClose)
    // A client that left before anybody listened is not reported again.
    if (incoming.destroyed) fail(new BodyCutOff())
    else if (incoming.headers.expect !== undefined) outgoing.writeContinue()
    reservation.whenGivingWay(tooSlow)
    return Effect.sync(stop)
  })

/** Pieces are joined up to this size: a body may arrive byte by byte, and each piece costs more than its bytes. */
const PIECE_BYTES = 64 * KIB

const addTo = (pieces: Array<Buffer>, chunk: Buffer): void => {
  let last = chunk
  for (let before = pieces.at(-1); before !== undefined; before = pieces.at(-1)) {
    if (before.length > last.length || before.length + last.length > PIECE_BYTES) break
    last = Buffer.concat([before, last])
    pieces.pop()
  }
  pieces.push(last)
}

/** A body in one piece is not copied. */
function* joined(pieces: ReadonlyArray<Buffer>): Generator<void, Buffer> {
  const [only, ...others] = pieces
  if (only !== undefined && others.length === 0) return only
  const body = Buffer.allocUnsafe(pieces.reduce((bytes, { length }) => bytes + length, 0))
  let [at, yieldedAt] = [0, 0]
  for (const piece of pieces) {
    if (at - yieldedAt > COPIED_AT_ONCE) {
      yield
      yieldedAt = at
    }
    at += piece.copy(body, at)
  }
  return body
}
