import { describe, expect, it } from "bun:test";
import { MAX_BODY_BYTES } from "../../src/ingest/hooks/hook-event.ts";
import { openUsageDb, type UsageDb } from "../../src/index.ts";
import {
  type HookServer,
  type HookServerOptions,
  startHookServer,
} from "../../src/serve/hook-server.ts";
import { errorOf } from "../support/error-of.ts";
import { holdLock } from "../support/held-lock.ts";
import { type TempFolder, tempFolder } from "../support/temp-folder.ts";

const TOKEN = "a-token-of-a-test-1234";
const PAGE = "http://localhost:5173";

interface Fixture extends AsyncDisposable {
  readonly folder: TempFolder;
  readonly db: UsageDb;
  readonly server: HookServer;
  request(path: string, init?: RequestInit): Promise<Response>;
  post(body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** What is stored once everything accepted has arrived. */
  numbers(): Promise<number[]>;
}

function serving(options: Partial<HookServerOptions> = {}): Fixture {
  const folder = tempFolder();
  const db = openUsageDb(folder.at("x.db"));
  const server = startHookServer(db, { port: 0, token: TOKEN, origins: [PAGE], ...options });
  const request = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${server.url}${path}`, {
      ...init,
      headers: { Authorization: `Bearer ${TOKEN}`, ...init.headers },
    });
  return {
    folder,
    db,
    server,
    request,
    post: (body, headers = {}) =>
      request("/events", {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        headers,
      }),
    numbers: async () => {
      while (server.counts().stored + server.counts().repeated < server.counts().accepted)
        await Bun.sleep(2);
      return db.events
        .recent(100_000)
        .map(({ payload }) => (JSON.parse(payload) as { number: number }).number)
        .sort((a, b) => a - b);
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      db.close();
      folder[Symbol.dispose]();
    },
  };
}

const own = (number: number, more: object = {}): object => ({
  session_id: `s${number % 7}`,
  hook_event_name: "PostToolUse",
  number,
  ...more,
});

describe("startHookServer()", () => {
  it("answers an agent's own hook with an empty object, which orders nothing, and stores it once", async () => {
    await using at = serving();
    for (let times = 0; times < 2; times++) {
      const response = await at.post(own(1));
      expect([response.status, await response.json()]).toEqual([202, {}]);
    }
    expect(await at.numbers()).toEqual([1]);
    expect(at.server.counts()).toMatchObject({ accepted: 2, stored: 1, repeated: 1 });
  });

  it("speaks the JSON of observability clients", async () => {
    await using at = serving();
    const event = {
      source_app: "app",
      session_id: "s",
      hook_event_type: "PreToolUse",
      payload: { tool_name: "Bash", number: 1 },
      summary: "ran",
      model_name: "sonnet",
      timestamp: Date.now(),
    };
    const response = await at.post(event);
    expect([response.status, await response.json()]).toEqual([202, event]);
    await at.post(own(2));
    const recent = (await (await at.request("/events/recent?limit=5")).json()) as unknown[];
    // The newest last, what is missing left out.
    expect(recent[0]).toEqual({ id: 1, ...event });
    expect(recent[1]).toMatchObject({ source_app: "claude-code", hook_event_type: "PostToolUse" });
    expect(Object.keys(recent[1] as object)).not.toContain("summary");
    expect(await (await at.request("/events/recent?limit=1")).json()).toHaveLength(1);
    expect(await (await at.request("/events/recent?limit=x")).json()).toHaveLength(2);
    expect(await (await at.request("/events/filter-options")).json()).toEqual({
      source_apps: ["app", "claude-code"],
      session_ids: ["s2", "s"],
      hook_event_types: ["PostToolUse", "PreToolUse"],
    });
  });

  it("names the source that the address names", async () => {
    await using at = serving();
    await at.request("/events?source_app=work", { method: "POST", body: JSON.stringify(own(1)) });
    await at.numbers();
    expect(at.db.events.recent()[0]?.source_app).toBe("work");
  });

  it("refuses a foreign Host, a foreign page, a missing and a wrong token, and counts them", async () => {
    await using at = serving();
    const body = JSON.stringify(own(1));
    const status = async (headers: Record<string, string>, path = "/events"): Promise<number> =>
      (await fetch(`${at.server.url}${path}`, { method: "POST", body, headers })).status;
    const Authorization = `Bearer ${TOKEN}`;
    expect(await status({ Authorization, Host: "evil.example" })).toBe(403);
    expect(await status({ Authorization, Host: `evil.example:${at.server.port}` })).toBe(403);
    expect(await status({ Authorization, Host: "127.0.0.1:1" })).toBe(403);
    expect(await status({ Authorization, Origin: "https://evil.example" })).toBe(403);
    expect(await status({ Authorization, Origin: "null" })).toBe(403);
    expect(await status({ Authorization, Origin: at.server.url })).toBe(403);
    expect(await status({})).toBe(401);
    expect(await status({ Authorization: `Bearer ${TOKEN}x` })).toBe(401);
    expect(await status({ Authorization: `Bearer ${TOKEN.slice(1)}` })).toBe(401);
    expect(await status({ Authorization: `Basic ${TOKEN}` })).toBe(401);
    expect(await status({ Authorization: "Bearer" }, `/events?token=${TOKEN}`)).toBe(401);
    expect(await status({}, "/events?token=no")).toBe(401);
    expect(await status({ Authorization, Host: `localhost:${at.server.port}` })).toBe(202);
    expect(await status({ Authorization, Origin: PAGE })).toBe(202);
    expect(await status({}, `/events?token=${TOKEN}`)).toBe(202);
    expect(at.server.counts().refusals).toMatchObject({ host: 3, origin: 3, token: 6 });
    expect(await at.numbers()).toEqual([1]);
  });

  it("lets a page that was named read, and tells the browser so", async () => {
    await using at = serving();
    const preflight = await fetch(`${at.server.url}/events/recent`, {
      method: "OPTIONS",
      headers: { Origin: PAGE },
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([
      204,
      PAGE,
    ]);
    const read = await at.request("/events/recent", { headers: { Origin: PAGE } });
    expect([read.status, read.headers.get("access-control-allow-origin")]).toEqual([200, PAGE]);
    const evil = await fetch(`${at.server.url}/events/recent`, {
      method: "OPTIONS",
      headers: { Origin: "https://evil.example" },
    });
    expect([evil.status, evil.headers.get("access-control-allow-origin")]).toEqual([403, null]);
  });

  it("is not to be reached but by loopback", async () => {
    await using at = serving();
    const { networkInterfaces } = await import("node:os");
    const outside = Object.values(networkInterfaces())
      .flat()
      .filter((address) => address?.family === "IPv4" && !address.internal);
    for (const address of outside) {
      const reached = await fetch(`http://${address?.address}:${at.server.port}/status`).catch(
        () => null,
      );
      expect(reached).toBeNull();
    }
    expect(at.server.url).toStartWith("http://127.0.0.1:");
  });

  it.each([
    ["no JSON", "{"],
    ["nothing", ""],
    ["no event", "[]"],
    ["no session", JSON.stringify({ hook_event_name: "Stop" })],
    ["100,000 brackets", "[".repeat(100_000)],
    ["bytes", "\u0000\u0001\u0002"],
  ])("refuses %s in words, and goes on", async (_, body) => {
    await using at = serving();
    const response = await at.post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: expect.stringContaining("Cannot read") });
    expect((await at.post(own(1))).status).toBe(202);
    expect(at.server.counts().refusals.invalid).toBe(1);
  });

  it("says what is not there, and that the stream is no page", async () => {
    await using at = serving();
    expect((await at.request("/")).status).toBe(404);
    expect((await at.request("/events", { method: "DELETE" })).status).toBe(404);
    expect((await at.request("/stream")).status).toBe(426);
    expect(await (await at.request("/status")).json()).toMatchObject({ accepted: 0 });
  });

  it("refuses 100 MB by their announcement, and without one when there are too many, keeping neither", async () => {
    await using at = serving();
    const announced = await connect(at.server.port);
    announced.write(
      `POST /events HTTP/1.1\r\nHost: 127.0.0.1:${at.server.port}\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 100000000\r\n\r\n{`,
    );
    // Answered while 99,999,999 bytes are still to come.
    expect(await announced.answer).toStartWith("HTTP/1.1 413");
    const before = process.memoryUsage.rss();
    const piece = "x".repeat(1 << 20);
    let sent = 0;
    const endless = new ReadableStream({
      pull: (controller) => {
        if (sent >= 100) controller.close();
        else {
          sent++;
          controller.enqueue(piece);
        }
      },
    });
    const streamed = await at
      .request("/events", { method: "POST", body: endless })
      .then(({ status }) => status)
      // The server may have hung up before all was sent.
      .catch(() => 413);
    expect(streamed).toBe(413);
    expect(process.memoryUsage.rss() - before).toBeLessThan(MAX_BODY_BYTES * 6);
    expect(at.server.counts()).toMatchObject({ accepted: 0, refusals: { "too large": 2 } });
    expect((await at.post(own(1))).status).toBe(202);
  });

  it("keeps neither prompts nor output unless it is told to", async () => {
    await using at = serving();
    await at.post(own(1, { tool_response: "secret", prompt: "secret" }));
    await at.numbers();
    expect(at.db.events.recent()[0]?.payload).not.toContain("secret");
    await using keeping = serving({ keep: new Set(["prompts"]) });
    await keeping.post(own(1, { tool_response: "hidden", prompt: "secret" }));
    await keeping.numbers();
    expect(keeping.db.events.recent()[0]?.payload).toContain("secret");
    expect(keeping.db.events.recent()[0]?.payload).not.toContain("hidden");
  });

  it("shows listeners what is there, and then each event as it is stored, by whatever process", async () => {
    await using at = serving();
    await at.post(own(1));
    await at.numbers();
    const messages: { type: string; data: unknown }[] = [];
    const listener = new WebSocket(`ws://127.0.0.1:${at.server.port}/stream?token=${TOKEN}`);
    const { promise: heard, resolve } = Promise.withResolvers<void>();
    listener.addEventListener("message", ({ data }) => {
      messages.push(JSON.parse(String(data)) as (typeof messages)[number]);
      if (messages.length === 3) resolve();
    });
    await new Promise((opened) => listener.addEventListener("open", opened));
    await at.post(own(2));
    await at.numbers();
    using other = openUsageDb(at.folder.at("x.db"));
    other.events.insert({
      source_app: "other",
      session_id: "s",
      hook_event_type: "Stop",
      payload: {},
    });
    await heard;
    listener.close();
    expect(messages).toMatchObject([
      { type: "initial", data: [{ id: 1, payload: { number: 1 } }] },
      { type: "event", data: { id: 2, payload: { number: 2 } } },
      { type: "event", data: { id: 3, source_app: "other" } },
    ]);
  });

  it("refuses listeners without a token", async () => {
    await using at = serving();
    const listener = new WebSocket(`ws://127.0.0.1:${at.server.port}/stream`);
    const ended = await new Promise<string>((resolve) => {
      listener.addEventListener("open", () => resolve("open"));
      listener.addEventListener("close", () => resolve("closed"));
      listener.addEventListener("error", () => resolve("closed"));
    });
    expect(ended).toBe("closed");
  });

  it("names a port that is taken", async () => {
    await using at = serving();
    using db = openUsageDb(at.folder.at("y.db"));
    const error = errorOf(() => startHookServer(db, { port: at.server.port, token: TOKEN }));
    expect([error.code, error.details["observed"]]).toEqual(["SERVER_CANNOT_LISTEN", "EADDRINUSE"]);
  });

  // Show 5 of the issue, with fewer events in the ordinary run: USAGEDB_FAULT_ROUNDS=10 makes it 10,000.
  it("stores every distinct event of 8 clients once, the database locked for a while in between", async () => {
    await using at = serving();
    const distinct = 1000 * Number(process.env["USAGEDB_FAULT_ROUNDS"] ?? 1);
    const lockedMs = distinct >= 10_000 ? 2000 : 300;
    // Every tenth is sent twice, the second time long after the first.
    const queue = Array.from({ length: distinct }, (_, number) => number);
    queue.push(...queue.filter((number) => number % 10 === 0));
    const total = queue.length;
    const statuses = new Set<number>();
    const client = async (): Promise<void> => {
      for (let number = queue.shift(); number !== undefined; number = queue.shift())
        statuses.add((await at.post(own(number, { tool_use_id: `t${number}` }))).status);
    };
    const clients = Array.from({ length: 8 }, client);
    await Bun.sleep(20);
    {
      await using _lock = await holdLock(at.folder.at("x.db"));
      await Bun.sleep(lockedMs);
    }
    await Promise.all(clients);
    expect([...statuses]).toEqual([202]);
    expect(await at.numbers()).toEqual(Array.from({ length: distinct }, (_, number) => number));
    expect(at.server.counts()).toMatchObject({
      accepted: total,
      stored: distinct,
      repeated: total - distinct,
      refused: 0,
    });
  }, 120_000);

  it("leaves what a locked database did not take to whoever opens it next", async () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    const failures: unknown[] = [];
    const db = openUsageDb(path);
    const server = startHookServer(db, {
      port: 0,
      token: TOKEN,
      onFailure: (error) => failures.push(error),
    });
    {
      await using _lock = await holdLock(path);
      const response = await fetch(`${server.url}/events`, {
        method: "POST",
        body: JSON.stringify(own(1)),
        headers: { Authorization: `Bearer ${TOKEN}` },
      });
      expect(response.status).toBe(202);
      await server.stop();
    }
    expect(db.events.recent()).toEqual([]);
    expect(failures.map((error) => (error as { code: string }).code)).toEqual(["DATABASE_BUSY"]);
    const next = startHookServer(db, { port: 0, token: TOKEN });
    await next.stop();
    expect(db.events.recent()).toHaveLength(1);
    db.close();
  });
});

interface RawConnection {
  readonly answer: Promise<string>;
  write(text: string): void;
}

/** A connection without an HTTP client, which would not send half a request. */
async function connect(port: number): Promise<RawConnection> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: { data: (_, data) => resolve(data.toString()), close: () => resolve("closed") },
  });
  return { answer: promise, write: (text) => void socket.write(text) };
}
