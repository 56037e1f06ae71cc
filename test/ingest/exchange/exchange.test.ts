import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { type NewUsageMessage, openUsageDb, type UsageDb } from "../../../src/index.ts";
import { exportChanges } from "../../../src/ingest/exchange/export.ts";
import { importChanges } from "../../../src/ingest/exchange/import.ts";
import { verifyRollups } from "../../../src/report/verify.ts";
import { errorOfAsync } from "../../support/error-of.ts";
import { chance, FAULT_ROUNDS } from "../../support/fault-rounds.ts";
import { fillMaintained } from "../../support/maintained.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { clockedDb, NOON } from "../../support/usage-db.ts";
import { message } from "../../support/usage-message.ts";

const DAY = 86_400_000;

/** When the transcripts of sessions were made. */
const BIRTHS: Readonly<Record<string, number>> = { s1: NOON - 500, s2: NOON - 900, s3: NOON - 900 };

function record(db: UsageDb, messages: readonly NewUsageMessage[]): void {
  for (const { session_id } of messages) {
    const born_at = BIRTHS[session_id] ?? null;
    db.sessions.upsert({ session_id, agent: "claude", project: "/p", born_at });
  }
  db.messages.record(messages);
}

/** Everything that a report could say, and nothing of where it came from. */
function contentOf(db: UsageDb): unknown {
  const read = (sql: string): unknown => db.connection.readOnce(sql);
  return [
    read(`SELECT agent, message_id, request_id, session_id, project, model, timestamp, is_sidechain, input_tokens,
       output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, reported_cost_usd
     FROM usage_messages ORDER BY agent, message_id, request_id`),
    read("SELECT * FROM usage_rollups ORDER BY hour, project, model, agent"),
    read(
      "SELECT session_id, agent, project, started_at, last_seen_at, born_at FROM sessions ORDER BY 1",
    ),
    read("SELECT dedupe_key, payload FROM events ORDER BY 1"),
  ];
}

describe("exportChanges() and importChanges()", () => {
  it("carry messages, sessions and events over, once, with the machine they came from", async () => {
    using folder = tempFolder();
    using there = clockedDb();
    using here = clockedDb();
    record(there.db, [message({ reported_cost_usd: 0.25 }), message({ message_id: "msg_2" })]);
    const event = { source_app: "claude", session_id: "s1", hook_event_type: "Stop", payload: {} };
    there.db.events.insert({ ...event, dedupe_key: "once" });
    there.db.events.insert(event);
    const file = folder.at("a.changes");
    const written = exportChanges(there.db, file);
    expect(written).toMatchObject({ messages: 2, sessions: 1, events: 1 });
    expect(await importChanges(here.db, file)).toMatchObject({
      host: written.host,
      messages: { inserted: 2, unchanged: 0 },
      events: { inserted: 1, known: 0 },
    });
    expect(here.db.messages.bySession("s1").map(({ host }) => host)).toEqual([
      written.host,
      written.host,
    ]);
    const before = contentOf(here.db);
    expect(await importChanges(here.db, file)).toMatchObject({
      messages: { inserted: 0, updated: 0, unchanged: 2 },
      events: { inserted: 0, known: 1 },
    });
    expect(contentOf(here.db)).toEqual(before);
    expect(verifyRollups(here.db)).toEqual([]);
  });

  it("say how many folded messages and events they lack, and count none twice", async () => {
    using folder = tempFolder();
    await fillMaintained(folder.at("there.db"));
    using there = openUsageDb(folder.at("there.db"), { now: () => NOON });
    using here = clockedDb();
    const folded = { messages: 120, events: 60 };
    expect(exportChanges(there, folder.at("x"))).toMatchObject({
      messages: 120,
      events: 180,
      folded,
    });
    expect(exportChanges(there, folder.at("y"), { sinceMs: NOON - DAY }).folded).toEqual({
      messages: 0,
      events: 0,
    });
    expect(await importChanges(here.db, folder.at("x"))).toMatchObject({ folded });
    // A message that is a row on one side and in a sum on the other is one message.
    const totals = there.connection.readOnce("SELECT * FROM v_daily");
    exportChanges(here.db, folder.at("back"));
    await importChanges(there, folder.at("back"));
    here.db.messages.record([message({ message_id: "msg_0", request_id: "req_0" })]);
    exportChanges(here.db, folder.at("back"));
    expect((await importChanges(there, folder.at("back"))).messages.inserted).toBe(0);
    expect(there.connection.readOnce("SELECT * FROM v_daily")).toEqual(totals);
    expect(verifyRollups(there)).toEqual([]);
  });

  it("knows its own messages again when they come back", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    record(clocked.db, [message()]);
    const file = folder.at("own.changes");
    exportChanges(clocked.db, file);
    await importChanges(clocked.db, file);
    expect(clocked.db.messages.bySession("s1")).toMatchObject([{ host: null }]);
    clocked.db.connection.prepare("DELETE FROM usage_message_rows").run();
    await importChanges(clocked.db, file);
    expect(clocked.db.messages.bySession("s1")).toMatchObject([{ host: null }]);
  });

  it("can be told to leave out what is older", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    record(clocked.db, [message(), message({ message_id: "old", timestamp: NOON - 86_400_000 })]);
    expect(exportChanges(clocked.db, folder.at("x"), { sinceMs: NOON })).toMatchObject({
      messages: 1,
    });
  });

  it("carry texts with every character that ends a line somewhere", async () => {
    using folder = tempFolder();
    using there = clockedDb();
    using here = clockedDb();
    const text = "a\u2028b\u2029c\rd\r\ne\nf\u0085g\u000bh";
    const event = { source_app: text, session_id: "s1", hook_event_type: "Stop" };
    there.db.events.insert({ ...event, payload: { text }, dedupe_key: "once" });
    record(there.db, [message({ project: text })]);
    exportChanges(there.db, folder.at("x"));
    expect(await importChanges(here.db, folder.at("x"))).toMatchObject({ events: { inserted: 1 } });
    expect(contentOf(here.db)).toEqual(contentOf(there.db));
  });

  it("replaces an earlier export, and no other file, the database's own least of all", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    using db = openUsageDb(path);
    using other = openUsageDb(folder.at("other.db"));
    other.close();
    record(db, [message()]);
    exportChanges(db, folder.at("x"));
    expect(exportChanges(db, folder.at("x"))).toMatchObject({ messages: 1 });
    writeFileSync(folder.at("note"), "precious");
    writeFileSync(folder.at("packed"), Bun.zstdCompressSync("precious"));
    symlinkSync(folder.at("x"), folder.at("link"));
    for (const name of [
      "usage.db",
      "usage.db-wal",
      "usage.db-journal",
      "other.db",
      "note",
      "packed",
      "link",
    ]) {
      const error = await errorOfAsync((async () => exportChanges(db, folder.at(name)))());
      expect([name, error.code]).toEqual([name, "CHANGE_FILE_INVALID"]);
    }
    expect(readFileSync(folder.at("note"), "utf8")).toBe("precious");
    expect(db.connection.readOnce("PRAGMA integrity_check")).toEqual([["ok"]]);
    using again = openUsageDb(folder.at("other.db"), { mode: "read" });
    expect(again.messages.bySession("s1")).toEqual([]);
  });

  it("refuses a file that was cut, changed, or is something else, and brings nothing in", async () => {
    using folder = tempFolder();
    using there = clockedDb();
    record(
      there.db,
      Array.from({ length: 300 }, (_, i) => message({ message_id: `m${i}` })),
    );
    const file = folder.at("whole");
    exportChanges(there.db, file);
    const whole = readFileSync(file);
    const text = Bun.zstdDecompressSync(whole).toString();
    const packed = (changed: string): Buffer => Bun.zstdCompressSync(Buffer.from(changed));
    const cases: Record<string, Uint8Array> = {
      empty: new Uint8Array(),
      "cut in a frame": whole.subarray(0, whole.length - 20),
      "without its end": packed(text.split("\n").slice(0, -2).join("\n")),
      "a figure changed": packed(text.replace('"output_tokens":5', '"output_tokens":6')),
      "a line gone": packed(text.split("\n").toSpliced(5, 1).join("\n")),
      "a line more": packed(`${text}{"message":{}}\n`),
      "of a later version": packed(text.replace('"version":1', '"version":2')),
      "not compressed": Buffer.from(text),
      "no change file": packed('{"a":1}\n'),
      "no JSON": packed("hello\n"),
    };
    using here = clockedDb();
    const empty = contentOf(here.db);
    for (const [name, bytes] of Object.entries(cases)) {
      writeFileSync(folder.at(name), bytes);
      const error = await errorOfAsync(importChanges(here.db, folder.at(name)));
      expect([name, error.code]).toEqual([name, "CHANGE_FILE_INVALID"]);
    }
    expect((await errorOfAsync(importChanges(here.db, folder.at("none")))).code).toBe(
      "CHANGE_FILE_INVALID",
    );
    expect(contentOf(here.db)).toEqual(empty);
  });

  /**
   * Strategy: two machines know random, overlapping lines of the same messages; both exports are brought into empty
   * databases in both orders, the first of them twice.
   * Invariants: equal content, equal to that of one machine that knew all lines, and to what is exported from it.
   */
  it("give equal content in any order, equal to one machine's", async () => {
    const { seed } = chance();
    const line = fc.record({
      message_id: fc.constantFrom("a", "b"),
      request_id: fc.constantFrom("", "r1", "r2"),
      is_sidechain: fc.constantFrom(0 as const, 1 as const),
      timestamp: fc.constantFrom(NOON, NOON + 1, NOON + 3_600_000),
      input_tokens: fc.integer({ min: 0, max: 1 }),
      output_tokens: fc.integer({ min: 0, max: 1 }),
      session_id: fc.constantFrom("s1", "s2", "s3"),
    });
    const lines = fc.array(line, { maxLength: 8 });
    // A message id is one model's: what differs between its lines is how far it had come.
    const toMessages = (list: readonly object[]): NewUsageMessage[] =>
      list
        .map((change) => message({ ...change, model: "claude-opus-4-6" }))
        .toSorted(
          // As a sync reads them: the older transcript first.
          (a, b) =>
            (BIRTHS[a.session_id] ?? 0) - (BIRTHS[b.session_id] ?? 0) ||
            (a.session_id < b.session_id ? -1 : 1),
        );
    await fc.assert(
      fc.asyncProperty(lines, lines, async (left, right) => {
        using folder = tempFolder();
        using a = clockedDb();
        using b = clockedDb();
        using both = clockedDb();
        record(a.db, toMessages(left));
        record(b.db, toMessages(right));
        record(both.db, toMessages(right));
        record(both.db, toMessages(left));
        exportChanges(a.db, folder.at("a"));
        exportChanges(b.db, folder.at("b"));
        const merged: unknown[] = [];
        for (const order of [
          ["a", "b", "a"],
          ["b", "a"],
        ]) {
          using db = clockedDb();
          for (const name of order) await importChanges(db.db, folder.at(name));
          expect(verifyRollups(db.db)).toEqual([]);
          merged.push(contentOf(db.db));
        }
        expect(merged[0]).toEqual(merged[1]);
        exportChanges(both.db, folder.at("both"));
        using again = clockedDb();
        await importChanges(again.db, folder.at("both"));
        expect(contentOf(again.db)).toEqual(merged[0]);
      }),
      { seed, numRuns: 15 * FAULT_ROUNDS },
    );
  }, 30_000);
});
