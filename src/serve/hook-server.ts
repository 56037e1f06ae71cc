/**
 * Hook events over HTTP, on loopback.
 *
 * An event is answered when it stands in the spool, by one write and before the database is asked: so the answer
 * waits for no lock, and what was answered outlives the process. A moment later it is brought into the database.
 */
import type { Server, ServerWebSocket } from "bun";
import { InputError, OperationError } from "../errors.ts";
import {
  DEFAULT_SOURCE_APP,
  type HookEvent,
  MAX_BODY_BYTES,
  readHookEvent,
} from "../ingest/hooks/hook-event.ts";
import { Spool, spoolPath } from "../ingest/hooks/spool.ts";
import type { KeptContent } from "../ingest/hooks/trim-payload.ts";
import { checkInteger, checkKeys } from "../store/checks.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { type AccessRule, type Refusal, refuseRequest } from "./access.ts";
import { acceptedEvent, filterOptions, recentEvents } from "./client-event.ts";
import { EventStream, STREAM_TOPIC } from "./event-stream.ts";
import { readBody } from "./read-body.ts";
import { type DrainCounts, SpoolDrainer } from "./spool-drainer.ts";

export interface HookServerOptions {
  /** 0 takes any that is free. */
  readonly port: number;
  readonly token: string;
  /** Pages that are let in, as the browser names them; none when left out. */
  readonly origins?: readonly string[];
  /** Content that is kept; neither prompts nor output when left out. */
  readonly keep?: ReadonlySet<KeptContent>;
  /** Told when the database stops taking events, which then wait in the spool. */
  readonly onFailure?: (error: unknown) => void;
}

export interface HookServerCounts extends Readonly<DrainCounts> {
  /** Events that were answered with 202. */
  readonly accepted: number;
  /** Requests that were refused, by reason. */
  readonly refusals: Readonly<Record<RefusalReason, number>>;
}

export interface HookServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  counts(): HookServerCounts;
  /** Stops listening, brings in what is spooled, and closes; what a busy database does not take stays spooled. */
  stop(): Promise<void>;
}

type RefusalReason = Refusal["reason"] | "too large" | "invalid" | "unavailable" | "unknown";

const LOOPBACK = "127.0.0.1";
const OPTIONS = ["port", "token", "origins", "keep", "onFailure"];
const DEFAULT_RECENT = 100;
const MAX_RECENT = 1000;
/** How often what other processes stored or spooled is looked for. */
const LOOK_INTERVAL_MS = 500;
/** A connection that says nothing for so long is closed. */
const IDLE_TIMEOUT_S = 30;
const STOP_PATIENCE_MS = 1000;
const REQUEST_PATIENCE_MS = 1000;
/** What a listener sends is not read. */
const MAX_LISTENER_BYTES = 1024;
const MAX_BACKLOG_BYTES = 8 << 20;

/**
 * Listens on 127.0.0.1. The store stays the caller's, who closes it after `stop()`; its waits for locks would hold up
 * every answer, so they are turned off.
 * @throws {OperationError} SERVER_CANNOT_LISTEN.
 */
export function startHookServer(store: UsageStore, options: HookServerOptions): HookServer {
  checkKeys("startHookServer", options, OPTIONS);
  checkInteger("port", options.port, 0, 65_535);
  store.connection.runOnce("PRAGMA busy_timeout = 0");
  return new Running(store, options);
}

class Running implements HookServer {
  readonly #store: UsageStore;
  readonly #options: HookServerOptions;
  readonly #rule: AccessRule;
  readonly #server: Server<undefined>;
  readonly #spool: Spool;
  readonly #drainer: SpoolDrainer;
  readonly #stream: EventStream;
  readonly #interval: ReturnType<typeof setInterval>;
  readonly #refusals: Record<RefusalReason, number> = {
    host: 0,
    origin: 0,
    token: 0,
    "too large": 0,
    invalid: 0,
    unavailable: 0,
    unknown: 0,
  };
  #accepted = 0;
  #stopping: Promise<void> | null = null;

  constructor(store: UsageStore, options: HookServerOptions) {
    this.#store = store;
    this.#options = options;
    this.#spool = new Spool(spoolPath(store.connection.path));
    this.#stream = new EventStream(store.connection, store.events);
    this.#server = this.#listen();
    this.#rule = {
      port: this.port,
      token: options.token,
      origins: new Set(options.origins ?? []),
    };
    this.#drainer = new SpoolDrainer({
      sink: store,
      spool: this.#spool,
      now: store.now,
      onFailure: (error) => options.onFailure?.(error),
      onStored: () => this.#stream.publishNew(this.#server),
    });
    this.#drainer.wake();
    this.#interval = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
  }

  get port(): number {
    return this.#server.port ?? this.#options.port;
  }

  get url(): string {
    return `http://${LOOPBACK}:${this.port}`;
  }

  counts(): HookServerCounts {
    return {
      accepted: this.#accepted,
      ...this.#drainer.counts,
      refusals: { ...this.#refusals },
    };
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    clearInterval(this.#interval);
    void this.#server.stop();
    // Connections that clients keep open say nothing more; requests that are under way are answered.
    const deadline = performance.now() + REQUEST_PATIENCE_MS;
    while (this.#server.pendingRequests > 0 && performance.now() < deadline) await Bun.sleep(2);
    await this.#server.stop(true);
    await this.#drainer.close(STOP_PATIENCE_MS);
    this.#spool.close();
  }

  #listen(): Server<undefined> {
    try {
      return Bun.serve({
        // Left to itself, Bun listens on every interface.
        hostname: LOOPBACK,
        port: this.#options.port,
        idleTimeout: IDLE_TIMEOUT_S,
        // The limit is checked where refusals are counted.
        maxRequestBodySize: Number.MAX_SAFE_INTEGER,
        fetch: (request, server) => this.#answer(request, server),
        error: () => this.#refuse(503, "unavailable", "the server failed to answer"),
        websocket: {
          maxPayloadLength: MAX_LISTENER_BYTES,
          backpressureLimit: MAX_BACKLOG_BYTES,
          closeOnBackpressureLimit: true,
          open: (listener: ServerWebSocket<undefined>) => {
            listener.send(this.#stream.initial(this.#server));
            listener.subscribe(STREAM_TOPIC);
          },
          message: () => undefined,
        },
      });
    } catch (cause) {
      const observed = cause instanceof Error && "code" in cause ? String(cause.code) : "it failed";
      throw new OperationError(
        "SERVER_CANNOT_LISTEN",
        `Cannot listen on ${LOOPBACK}:${this.#options.port}: ${observed}, expected a free port`,
        { details: { port: this.#options.port, observed }, cause },
      );
    }
  }

  async #answer(request: Request, server: Server<undefined>): Promise<Response | undefined> {
    const url = new URL(request.url);
    const refusal = refuseRequest(request, url, this.#rule);
    if (refusal !== null) return this.#refuse(refusal.status, refusal.reason, refusal.message);
    if (request.method === "OPTIONS")
      return new Response(null, { status: 204, headers: crossOrigin(request) });
    const route = `${request.method} ${url.pathname}`;
    if (route === "GET /stream") {
      if (server.upgrade(request)) return undefined;
      return this.#refuse(426, "invalid", "this is a WebSocket");
    }
    const response = await this.#route(route, request, url);
    for (const [name, value] of Object.entries(crossOrigin(request)))
      response.headers.set(name, value);
    return response;
  }

  async #route(route: string, request: Request, url: URL): Promise<Response> {
    switch (route) {
      case "POST /events":
        return await this.#post(request, url);
      case "GET /events/recent": {
        const limit = limitOf(url);
        await this.#drainer.drain();
        return this.#read(() => recentEvents(this.#store.events, limit));
      }
      case "GET /events/filter-options":
        await this.#drainer.drain();
        return this.#read(() => filterOptions(this.#store.events));
      case "GET /status":
        return Response.json(this.counts());
      default:
        return this.#refuse(404, "unknown", "there is nothing at this address");
    }
  }

  async #post(request: Request, url: URL): Promise<Response> {
    const body = await readBody(request, MAX_BODY_BYTES);
    if (body === null)
      return this.#refuse(413, "too large", `a body has at most ${MAX_BODY_BYTES} bytes`);
    let event: HookEvent;
    try {
      event = readHookEvent(body, {
        receivedAt: this.#store.now(),
        keep: this.#options.keep ?? NOTHING_KEPT,
        sourceApp: url.searchParams.get("source_app") ?? DEFAULT_SOURCE_APP,
      });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return this.#refuse(400, "invalid", error.message);
    }
    try {
      this.#spool.append([event]);
    } catch (error) {
      this.#options.onFailure?.(error);
      return this.#refuse(503, "unavailable", "the event cannot be kept");
    }
    this.#accepted++;
    this.#drainer.wake();
    // An agent reads the answer to its own hook as orders, and takes one that is not JSON for a failure.
    return Response.json(event.shape === "client" ? acceptedEvent(event) : {}, { status: 202 });
  }

  #read(read: () => unknown): Response {
    try {
      return Response.json(read());
    } catch (error) {
      if (error instanceof InputError) return this.#refuse(400, "invalid", error.message);
      this.#options.onFailure?.(error);
      return this.#refuse(503, "unavailable", "the database does not answer");
    }
  }

  #refuse(status: number, reason: RefusalReason, message: string): Response {
    this.#refusals[reason]++;
    const headers: Record<string, string> = {};
    if (status === 401) headers["WWW-Authenticate"] = "Bearer";
    // The rest of a body that nobody reads must not be taken for the next request.
    if (status === 413) headers["Connection"] = "close";
    return Response.json({ error: message }, { status, headers });
  }

  #look(): void {
    try {
      this.#stream.look(this.#server);
      if (this.#spool.sizeBytes() > 0) this.#drainer.wake();
    } catch (error) {
      this.#options.onFailure?.(error);
    }
  }
}

const NOTHING_KEPT: ReadonlySet<KeptContent> = new Set();

function limitOf(url: URL): number {
  const limit = Number(url.searchParams.get("limit") ?? DEFAULT_RECENT);
  return Number.isInteger(limit) && limit > 0 ? Math.min(limit, MAX_RECENT) : DEFAULT_RECENT;
}

/** What a browser wants to be told before it lets a page have the answer; only pages let in get this far. */
function crossOrigin(request: Request): Record<string, string> {
  const origin = request.headers.get("origin");
  if (origin === null) return {};
  return {
    "Access-Control-Allow-Origin": origin,
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    Vary: "Origin",
  };
}
